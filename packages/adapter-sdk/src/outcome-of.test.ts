import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { InvalidEvent, isAdapterError, Misconfigured, Permanent, Retryable, Throttled, Unauthorized } from './index.ts';
import { outcomeOf } from './outcome-of.ts';

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

const hostile = {
  get code(): string {
    throw new Error('code');
  },
  get name(): string {
    throw new Error('name');
  },
  get cause(): unknown {
    throw new Error('cause');
  },
};

describe('outcomeOf', () => {
  it.each([
    [
      new Retryable('busy', { code: 'HTTP_503', retryAfterMs: 20 }),
      { kind: 'retryable', code: 'HTTP_503', message: 'busy', retryAfterMs: 20 },
    ],
    [new Retryable('busy'), { kind: 'retryable', code: 'RETRYABLE', message: 'busy' }],
    [
      new Throttled('slower', { retryAfterMs: 70 }),
      { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 70 },
    ],
    [
      new Throttled('slower', { scope: 'delivery' }),
      { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 5000, scope: 'delivery' },
    ],
    [new Throttled('slower'), { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 5000 }],
    ...[0, -1, Number.NaN, Number.NEGATIVE_INFINITY].map((retryAfterMs): [Error, object] => [
      new Throttled('slower', { retryAfterMs }),
      { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 5000 },
    ]),
    [new Retryable('busy', { retryAfterMs: 0 }), { kind: 'retryable', code: 'RETRYABLE', message: 'busy' }],
    [
      new Throttled('slower', { retryAfterMs: Number.POSITIVE_INFINITY }),
      { kind: 'throttled', code: 'THROTTLED', message: 'slower', retryAfterMs: 3_600_000 },
    ],
    [new Permanent('no'), { kind: 'permanent', code: 'PERMANENT', message: 'no' }],
    [new InvalidEvent('what'), { kind: 'permanent', code: 'INVALID_EVENT', message: 'what' }],
    [new Misconfigured('set it'), { kind: 'misconfigured', code: 'MISCONFIGURED', message: 'set it' }],
    [new Unauthorized('who'), { kind: 'unauthorized', code: 'UNAUTHORIZED', message: 'who' }],
  ])('gives the outcome that %s names', (error, outcome) => {
    expect(outcomeOf(error)).toEqual(outcome);
  });

  it('recognizes the errors of another copy of the SDK', () => {
    const foreign = {
      [Symbol.for('@hms-sync/adapter-sdk/error')]: true,
      kind: 'permanent',
      code: 'GONE',
      message: 'gone',
    };
    expect(isAdapterError(foreign)).toBe(true);
    expect(outcomeOf(foreign)).toEqual({ kind: 'permanent', code: 'GONE', message: 'gone' });
  });

  it('treats an unknown kind as an unknown error', () => {
    const newer = { [Symbol.for('@hms-sync/adapter-sdk/error')]: true, kind: 'postponed', message: 'Ada Byron' };
    expect(outcomeOf(newer)).toMatchObject({ kind: 'retryable', code: 'UNKNOWN_ERROR' });
  });

  it.each([
    ['null', null],
    ['undefined', undefined],
    ['a string', 'Ada Byron'],
    ['a promise', Promise.resolve()],
    ['a function', () => 1],
    ['an object', hostile],
    ['an object', revoked()],
    ['TypeError', new TypeError('Ada Byron')],
  ])('treats %s as a retryable unknown error and reports only what it is', (name, thrown) => {
    const outcome = outcomeOf(thrown);
    expect(outcome).toMatchObject({
      kind: 'retryable',
      code: 'UNKNOWN_ERROR',
      message: expect.stringContaining(`threw ${name}, `),
    });
    expect(JSON.stringify(outcome)).not.toContain('Ada');
  });

  it('handles the rejection of a thrown promise', async () => {
    const unheard = vi.fn();
    process.on('unhandledRejection', unheard);
    expect(outcomeOf(Promise.reject(new Error('thrown')))).toMatchObject({ kind: 'retryable' });
    await nextTurn();
    process.off('unhandledRejection', unheard);
    expect(unheard).not.toHaveBeenCalled();
  });

  it('withholds the message of JSON.parse, which quotes the payload', () => {
    let thrown: unknown;
    try {
      JSON.parse('Ada Byron');
    } catch (error) {
      thrown = error;
    }
    expect(String(thrown)).toContain('Ada Byron');
    expect(JSON.stringify(outcomeOf(thrown))).not.toContain('Ada');
  });

  it('finds the code of a failed connection behind the errors that wrap it', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const outcome = outcomeOf(new TypeError('fetch failed', { cause: refused }));
    expect(outcome).toEqual({
      kind: 'retryable',
      code: 'ECONNREFUSED',
      message: 'nothing listens at the address',
    });
  });

  it('ends for circular causes', () => {
    const error = new Error('round');
    error.cause = error;
    expect(outcomeOf(error).kind).toBe('retryable');
  });

  it('has the codes ABORTED and TIMEOUT for an abort and a timeout', () => {
    expect(outcomeOf(AbortSignal.abort().reason)).toMatchObject({ code: 'ABORTED' });
    expect(outcomeOf(new DOMException('late', 'TimeoutError'))).toMatchObject({ code: 'TIMEOUT' });
  });

  it('redacts secrets before it cuts', () => {
    const outcome = outcomeOf(new Permanent(`${'x'.repeat(1020)}hunter2hunter2`), (text) =>
      text.replaceAll('hunter2hunter2', '*'),
    );
    expect(outcome).toMatchObject({ message: `${'x'.repeat(1020)}*` });
  });

  it('keeps every outcome within its bounds, whatever is thrown', () => {
    const branded = fc
      .record({
        kind: fc.constantFrom('retryable', 'throttled', 'permanent'),
        code: fc.anything(),
        message: fc.anything(),
        retryAfterMs: fc.anything(),
        scope: fc.anything(),
      })
      .map((fields) => ({ ...fields, [Symbol.for('@hms-sync/adapter-sdk/error')]: true }));
    fc.assert(
      fc.property(
        fc.oneof(
          fc.anything(),
          branded,
          fc.string({ unit: 'binary', maxLength: 5000, minLength: 1000 }).map((text) => new Permanent(text)),
        ),
        (thrown) => {
          const outcome = outcomeOf(thrown);
          if (outcome.kind === 'delivered') throw new Error('nothing thrown is a success');
          expect(outcome.code).toMatch(/^[A-Z0-9_]{1,64}$/);
          expect(outcome.message.length).toBeLessThanOrEqual(1024);
          expect(outcome.message.isWellFormed()).toBe(true);
          if ('retryAfterMs' in outcome) {
            expect(outcome.retryAfterMs).toBeGreaterThan(0);
            expect(outcome.retryAfterMs).toBeLessThanOrEqual(3_600_000);
          }
          if ('scope' in outcome) expect(outcome.scope).toBe('delivery');
        },
      ),
    );
  });

  it('cuts a message of 10 MB', () => {
    const outcome = outcomeOf(new Retryable('x'.repeat(10_000_000)));
    expect(outcome).toMatchObject({ message: 'x'.repeat(1024) });
  });
});
