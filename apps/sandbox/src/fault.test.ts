import { describe, expect, it } from 'vitest';
import { ArmedFault, type Fault, parseFault, seededRandom, UNTROUBLED } from './fault.ts';
import { SandboxError } from './sandbox-error.ts';

function problemsOf(value: unknown): readonly { field: string; description: string }[] {
  try {
    parseFault(value);
  } catch (error) {
    if (error instanceof SandboxError) return error.problems;
    throw error;
  }
  return [];
}

describe('parseFault', () => {
  it('takes every field within its bounds', () => {
    const fault = {
      latencyMs: 10,
      jitterMs: 0.5,
      errorRate: 1,
      status: 599,
      retryAfter: '2',
      slowBodyMs: 600_000,
      afterEffect: true,
      times: 1,
      match: { key: 'p-1', eventId: 'e-1', type: 'ProcessUpdated' },
    };
    expect(parseFault(fault)).toEqual(fault);
    for (const alone of [{ down: true }, { hang: true, times: 2 }, { reset: true, errorRate: 0.5 }]) {
      expect(parseFault(alone)).toEqual(alone);
    }
  });

  it.each([
    [{ latencyMs: -1 }, 'latencyMs', 'a number from 0 to 600000'],
    [{ latencyMs: Number.NaN }, 'latencyMs', 'a number from 0 to 600000'],
    [{ latencyMs: '5' }, 'latencyMs', 'a number from 0 to 600000'],
    [{ errorRate: 1.01 }, 'errorRate', 'a number from 0 to 1'],
    [{ status: 200 }, 'status', 'a whole number from 300 to 599'],
    [{ status: 500.5 }, 'status', 'a whole number from 300 to 599'],
    [{ retryAfter: 2 }, 'retryAfter', 'a string of 1 to 64'],
    [{ retryAfter: '2\r\nset-cookie: a=b' }, 'retryAfter', 'a string of 1 to 64'],
    [{ hang: 'yes' }, 'hang', 'true or false'],
    [{ status: 500, times: 0 }, 'times', 'a whole number from 1'],
    [{ status: 500, match: {} }, 'match', 'at least one of key, eventId, type'],
    [{ status: 500, match: { key: 7 } }, 'match.key', 'must be a string'],
    [{ status: 500, match: { eventID: 'e' } }, 'match.eventID', 'did you mean eventId?'],
    [{ latency: 5 }, 'latency', 'did you mean latencyMs?'],
    [{ errorrate: 0.1 }, 'errorrate', 'did you mean errorRate?'],
    [{ somethingElseAltogether: 1 }, 'somethingElseAltogether', 'it is one of latencyMs, jitterMs'],
    [{ constructor: 1 }, 'constructor', 'there is no such field'],
    [{ down: true, latencyMs: 5 }, 'latencyMs', 'together with down'],
    [{ hang: true, reset: true }, 'reset', 'together with hang'],
    [{ hang: true, status: 500 }, 'status', 'together with hang'],
    [{ reset: true, slowBodyMs: 5 }, 'slowBodyMs', 'together with reset'],
    [{ latencyMs: 5, afterEffect: true }, 'afterEffect', 'needs a failure'],
    [{ times: 3 }, '', 'it does nothing'],
    [{ down: false }, '', 'it does nothing'],
    [{}, '', 'it does nothing'],
    [null, '', 'it must be an object'],
    [[], '', 'it must be an object'],
  ])('rejects %j and names %s', (value, field, words) => {
    const problems = problemsOf(value);
    expect(problems.map((problem) => problem.field)).toEqual([field]);
    expect(problems[0]?.description).toContain(words);
  });

  it('names every wrong field at once, in one message', () => {
    expect(() => parseFault({ statsu: 503, errorRate: 2 })).toThrow(
      'fault is wrong: errorRate: must be a number from 0 to 1; statsu: there is no such field, did you mean status?',
    );
  });

  it('is a copy that the caller cannot change', () => {
    const written = { status: 500, match: { key: 'a' } };
    const fault = parseFault(written);
    written.match.key = 'b';
    expect(fault.match?.key).toBe('a');
  });
});

const call = { key: 'p-1', eventId: 'e-1', type: 'ProcessUpdated' };

function failures(fault: Fault, seed: number, calls = 1_000): boolean[] {
  const armed = new ArmedFault(fault, seededRandom(seed));
  return Array.from({ length: calls }, () => armed.treat(call).failure !== null);
}

describe('ArmedFault', () => {
  it('fails the same calls again when the seed is the same', () => {
    expect(failures({ errorRate: 0.3 }, 42)).toEqual(failures({ errorRate: 0.3 }, 42));
    expect(failures({ errorRate: 0.3 }, 42)).not.toEqual(failures({ errorRate: 0.3 }, 43));
  });

  it.each([0, 0.1, 0.5, 0.9, 1])('fails a share of %d of the calls', (errorRate) => {
    const failed = failures({ errorRate }, 7, 10_000).filter(Boolean).length / 10_000;
    // Four standard deviations of 10,000 draws are at most 0.02.
    expect(Math.abs(failed - errorRate)).toBeLessThanOrEqual(errorRate === 0 || errorRate === 1 ? 0 : 0.02);
  });

  it('answers 503 when only a rate or a Retry-After is given', () => {
    for (const fault of [{ errorRate: 1 }, { retryAfter: '2' }]) {
      const { failure } = new ArmedFault(fault, seededRandom(1)).treat(call);
      expect(failure).toMatchObject({ kind: 'status', status: 503 });
    }
  });

  it('draws a latency between latencyMs and latencyMs + jitterMs', () => {
    const armed = new ArmedFault({ latencyMs: 100, jitterMs: 50 }, seededRandom(3));
    const delays = Array.from({ length: 1_000 }, () => armed.treat(call).delayMs);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...delays)).toBeLessThan(150);
    expect(new Set(delays).size).toBeGreaterThan(900);
  });

  it('ends after `times` matching calls', () => {
    const armed = new ArmedFault({ status: 500, times: 2, match: { key: 'p-1' } }, seededRandom(1));
    expect(armed.treat({ ...call, key: 'p-2' })).toBe(UNTROUBLED);
    expect(armed.treat(call).failure).not.toBeNull();
    expect(armed.isSpent).toBe(false);
    expect(armed.treat(call).failure).not.toBeNull();
    expect(armed.isSpent).toBe(true);
    expect(armed.treat(call)).toBe(UNTROUBLED);
    expect(armed.calls).toBe(2);
  });

  it('applies only to calls with all values of its match', () => {
    const armed = new ArmedFault(
      { status: 500, match: { key: 'p-1', eventId: 'e-1', type: 'ProcessUpdated' } },
      seededRandom(1),
    );
    expect(armed.treat(call).failure).not.toBeNull();
    for (const other of [{ key: null }, { eventId: 'e-2' }, { type: 'PolicyUpdated' }]) {
      expect(armed.treat({ ...call, ...other }).failure).toBeNull();
    }
  });
});
