import { expect, it } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { NOT_SENT } from '../runtime.ts';
import { adapter, attemptOf, never, SECRET } from './lab-adapter.fixture.ts';
import { type CreateRuntime, createOpener } from './opener.fixture.ts';

export function deliveringSuite(createRuntime: CreateRuntime): void {
  const { open, openReady } = createOpener(createRuntime);

  it('hands over the event as it was accepted, and what belongs to the attempt', async () => {
    const { deliver } = await openReady(
      adapter(`push: (e, c) => JSON.stringify([e.id, e.source, e.type, e.key, e.time.getTime(), [...e.data], e.dataContentType,
        e.attributes, c.idempotencyKey, c.attempt, c.redelivered, c.signal.aborted])`),
    );
    const outcome = await deliver({ number: 3, redelivered: true });
    expect(JSON.parse(outcome.kind === 'delivered' ? outcome.receipt : '')).toEqual([
      'event-1',
      'hms-api',
      'ProcessUpdated',
      'process-7',
      1_790_000_000_000,
      [0, 255],
      'application/octet-stream',
      { clinic: 'north' },
      'event-1:lab',
      3,
      true,
      false,
    ]);
  });

  it.each<[string, Partial<Outcome> & { failure?: object }]>([
    [
      'throw new Permanent("gone", { code: "GONE" })',
      { kind: 'permanent', failure: { code: 'GONE', message: 'gone' } },
    ],
    [
      'throw new Throttled("less", { retryAfterMs: 5 })',
      { kind: 'throttled', failure: { code: 'THROTTLED', message: 'less' }, retryAfterMs: 5 },
    ],
    [
      'throw new Throttled("less for this patient", { scope: "delivery" })',
      { kind: 'throttled', retryAfterMs: 5_000, scope: 'delivery' },
    ],
    ['throw new Unauthorized("no")', { kind: 'misconfigured', failure: { code: 'UNAUTHORIZED', message: 'no' } }],
    [
      'throw new Retryable("again", { retryAfterMs: 7 })',
      { kind: 'retryable', failure: { code: 'RETRYABLE', message: 'again' } },
    ],
    ['throw null', { kind: 'retryable' }],
    ['throw undefined', { kind: 'retryable' }],
    ['throw 7', { kind: 'retryable' }],
    ['throw Promise.resolve(new Permanent("late"))', { kind: 'retryable' }],
    ['throw new Promise(() => {})', { kind: 'retryable' }],
    ['throw new Error("x".repeat(1e7))', { kind: 'retryable' }],
    ['throw new Permanent("x".repeat(1e7))', { kind: 'permanent' }],
    ['const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy', { kind: 'retryable' }],
    ['throw Object.freeze(Object.create(null))', { kind: 'retryable' }],
    ['return Promise.reject()', { kind: 'retryable' }],
    ['return { then() { throw null; } }', { kind: 'retryable' }],
    ['return "x".repeat(1e7)', { kind: 'delivered' }],
    ['return undefined', { kind: 'delivered', receipt: '' }],
    ['return 7', { kind: 'retryable', failure: { code: 'CONTRACT_VIOLATION', message: expect.any(String) } }],
    [
      'return new Permanent("no")',
      { kind: 'retryable', failure: { code: 'CONTRACT_VIOLATION', message: expect.any(String) } },
    ],
    [
      'return new Response("no", { status: 500 })',
      { kind: 'retryable', failure: { code: 'CONTRACT_VIOLATION', message: expect.stringContaining('a Response') } },
    ],
    ['event.json()', { kind: 'permanent', failure: { code: 'INVALID_EVENT', message: expect.any(String) } }],
  ])('gives one outcome within bounds for: %s', async (body, expected) => {
    const { deliver } = await openReady(adapter(`push(event) { ${body}; }`));
    const outcome = await deliver();
    expect(outcome).toMatchObject(expected);
    expect(JSON.stringify(outcome).length).toBeLessThan(1_500);
  });

  it.each([
    'undefined',
    'null',
    '[]',
    '[...events, ...events].map(() => ({ kind: "delivered" }))',
    'events.map(() => null)',
    'events.map(() => ({ kind: "fine" }))',
    '{ length: events.length }',
    'new Array(events.length)',
    'events.map(() => Promise.resolve({ kind: "delivered" }))',
    'new Proxy([], { get() { return 1; } })',
  ])('reports a batch that breaks the contract as retryable: %s', async (returned) => {
    const { deliver } = await openReady(adapter(`pushBatch(events) { return ${returned}; }`));
    const outcomes = await Promise.all([deliver(), deliver()]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'retryable' });
  });

  it('gives each of a batch its own outcome', async () => {
    const { deliver } = await openReady(
      adapter(
        `pushBatch: (events) => events.map((e) => e.key === 'bad' ? new Permanent('bad') : { kind: 'delivered', receipt: e.key })`,
      ),
    );
    const keys = ['a', 'bad', 'c'];
    const outcomes = await Promise.all(keys.map((key) => deliver({ event: { ...attemptOf().event, key } })));
    expect(outcomes).toMatchObject([{ receipt: 'a' }, { kind: 'permanent' }, { receipt: 'c' }]);
  });

  it('reveals no secret of the configuration', async () => {
    const { deliver } = await openReady(
      adapter(
        'config: z.object({ token: secret(z.string()) }), open: ({ config }) => config, push: (e, c) => { if (e.key === "") return c.resource.token; throw new Permanent(c.resource.token); }',
      ),
      { token: SECRET },
    );
    for (const key of ['', 'x']) {
      const outcome = await deliver({ event: { ...attemptOf().event, key } });
      expect(JSON.stringify(outcome)).toContain('[redacted]');
      expect(JSON.stringify(outcome)).not.toContain(SECRET);
    }
  });

  it('settles when adapter code does, not when it is asked to end', async () => {
    const { deliver } = await openReady(
      adapter(
        "push: (e, { signal }) => e.key === '' ? 'here' : new Promise((done) => signal.addEventListener('abort', () => setImmediate(done, 'ended')))",
      ),
    );
    const abort = new AbortController();
    const delivering = deliver({}, abort.signal);
    // Sent after it and answered at once: by then the adapter has both.
    await deliver({ event: { ...attemptOf().event, key: '' } });
    abort.abort();
    expect(await delivering).toEqual({ kind: 'delivered', receipt: 'ended' });
  });

  it('spends nothing and blames nobody where the adapter does not run', async () => {
    const runtime = await open(adapter('push() {}'));
    expect(await runtime.deliver(attemptOf(), never())).toEqual(NOT_SENT);
    const failed = await open('throw 1');
    await failed.start();
    expect(await failed.deliver(attemptOf(), never())).toEqual(NOT_SENT);
  });
}
