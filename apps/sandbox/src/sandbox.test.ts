import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, push } from '../test/caller.ts';
import { type Sandbox, type SandboxOptions, SYSTEM_NAMES, startSandbox } from './sandbox.ts';
import { SYSTEMS, type SystemName } from './system.ts';

let sandbox: Sandbox;
async function restart(options: SandboxOptions): Promise<void> {
  await sandbox.close();
  sandbox = await startSandbox(options);
}

beforeEach(async () => {
  sandbox = await startSandbox();
});
afterEach(() => sandbox.close());

function urlOf(system: SystemName): string {
  return sandbox.urls[system] + SYSTEMS[system].path;
}
function event(id: string, more: Record<string, unknown> = {}) {
  return { type: 'ProcessUpdated', id, key: 'p-1', ...more };
}

describe('a stand-in', () => {
  it.each([
    ['scheduling', '/api/hms-update', 'sched-000001'],
    ['records', '/records-sync', 'rec-000001'],
    ['billing', '/billing-sync', 'bill-000001'],
  ] as const)('takes changes for %s on %s and answers with a receipt', async (system, path, receipt) => {
    const answer = await push(sandbox.urls[system] + path, event('e-1'));
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(answer.body).toEqual({ status: 'ok', receipt });
  });

  it('records every call with its fields and its result', async () => {
    const sent = event('e-1', { source: 'hms-api', payload: { step: 'triage' } });
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    await push(urlOf('records'), sent, { headers: { traceparent, 'webhook-signature': 'v1,abc' } });
    expect(sandbox.calls()).toEqual([
      {
        sequence: 1,
        system: 'records',
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        key: 'p-1',
        eventId: 'e-1',
        type: 'ProcessUpdated',
        idempotencyKey: 'e-1:x',
        attempt: 1,
        overlap: 0,
        traceparent,
        signed: true,
        body: sent,
        bodyText: JSON.stringify(sent),
        bodyBase64: null,
        bodySizeBytes: JSON.stringify(sent).length,
        answeredStatus: 200,
        durationMs: expect.any(Number),
        fault: null,
        effect: true,
        receipt: 'rec-000001',
      },
    ]);
  });

  it('takes a bare {type, payload} and records what is missing as null', async () => {
    const answer = await call(urlOf('billing'), { body: { type: 'PolicyUpdated', payload: {} } });
    expect(answer.status).toBe(200);
    expect(sandbox.calls()[0]).toMatchObject({
      type: 'PolicyUpdated',
      key: null,
      eventId: null,
      idempotencyKey: null,
      traceparent: null,
      signed: false,
      attempt: 1,
      effect: true,
    });
  });

  it('applies an idempotency key once and gives its receipt to a caller that repeats it', async () => {
    const answers = [
      await push(urlOf('billing'), event('e-1')),
      await push(urlOf('billing'), event('e-1')),
      await push(urlOf('billing'), event('e-2')),
    ];
    expect(answers.map((answer) => answer.body)).toEqual([
      { status: 'ok', receipt: 'bill-000001' },
      { status: 'ok', receipt: 'bill-000001' },
      { status: 'ok', receipt: 'bill-000002' },
    ]);
    expect(sandbox.calls().map(({ attempt, effect }) => ({ attempt, effect }))).toEqual([
      { attempt: 1, effect: true },
      { attempt: 2, effect: false },
      { attempt: 1, effect: true },
    ]);
  });

  it('keeps separate idempotency keys for each system', async () => {
    for (const system of SYSTEM_NAMES) await push(urlOf(system), event('e-1'));
    expect(sandbox.calls().map(({ attempt, effect }) => ({ attempt, effect }))).toEqual(
      SYSTEM_NAMES.map(() => ({ attempt: 1, effect: true })),
    );
  });

  it('answers a check on / and 404 elsewhere', async () => {
    for (const method of ['GET', 'HEAD']) expect((await call(sandbox.urls.billing, { method })).status).toBe(200);
    expect((await call(`${sandbox.urls.billing}/health`, { method: 'GET' })).status).toBe(404);
    for (const method of ['GET', 'PUT']) {
      const answer = await call(urlOf('billing'), { method });
      expect(answer.status).toBe(405);
      expect(answer.headers.allow).toBe('GET, HEAD, POST');
    }
    expect(sandbox.calls()).toEqual([]);
  });

  it.each([
    ['no JSON', '{"type":', 400],
    ['no object', '[1]', 400],
    ['no type', '{"id":"e-1"}', 400],
    ['a type that is no string', '{"type":7}', 400],
    ['an empty body', '', 400],
  ])('rejects %s, and records the call without an effect', async (_, body, status) => {
    expect((await call(urlOf('records'), { body })).status).toBe(status);
    expect(sandbox.calls()).toMatchObject([{ answeredStatus: status, effect: false, receipt: null, fault: null }]);
  });

  it('rejects a wrong path with 404, and records the call without an effect', async () => {
    expect((await push(`${sandbox.urls.records}/billing-sync`, event('e-1'))).status).toBe(404);
    expect((await push(`${urlOf('records')}?from=hms`, event('e-1'))).status).toBe(200);
    expect(sandbox.calls()).toMatchObject([
      { answeredStatus: 404, effect: false, attempt: 1 },
      { answeredStatus: 200, effect: true, attempt: 2 },
    ]);
  });

  it('rejects a body over four megabytes without keeping it', async () => {
    const tooLarge = JSON.stringify({ type: 't', payload: 'x'.repeat(4 * 1024 * 1024) });
    expect((await call(urlOf('records'), { body: tooLarge })).status).toBe(413);
    expect(sandbox.calls()).toEqual([]);
  });

  it('requires its bearer token, and never records it', async () => {
    await restart({ tokens: { billing: 'let-me-in' } });
    const wrong = [{}, { authorization: 'Bearer nope' }, { authorization: 'let-me-in' }];
    for (const headers of wrong) expect((await push(urlOf('billing'), event('e-1'), { headers })).status).toBe(401);
    const right = { authorization: 'Bearer let-me-in' };
    expect((await push(urlOf('billing'), event('e-1'), { headers: right })).status).toBe(200);
    expect((await push(urlOf('records'), event('e-1'))).status).toBe(200);
    expect(sandbox.countCalls({ system: 'billing' })).toEqual({ count: 4, effects: 1, forgotten: 0 });
    expect(JSON.stringify(sandbox.calls())).not.toContain('let-me-in');
  });
});

describe('the memory of calls', () => {
  it('stays within its bounds, and reports how many calls it dropped', async () => {
    await restart({ keepCalls: 3, keepBodyBytes: 100 });
    for (let i = 0; i < 5; i += 1) await push(urlOf('billing'), event(`e-${i}`));
    expect(sandbox.calls().map(({ eventId, body }) => [eventId, body === null])).toEqual([
      ['e-2', true],
      ['e-3', false],
      ['e-4', false],
    ]);
    expect(sandbox.countCalls()).toEqual({ count: 3, effects: 3, forgotten: 2 });
  });

  it('is empty after clearing, receipts included', async () => {
    await push(urlOf('billing'), event('e-1'));
    expect(sandbox.clearCalls()).toBe(1);
    await push(urlOf('billing'), event('e-1'));
    expect(sandbox.calls()).toMatchObject([{ sequence: 2, attempt: 1, effect: true }]);
  });

  it('reports how many calls for the same key were open when one arrived', async () => {
    await sandbox.setFault('billing', { hang: true, times: 1 });
    const hanging = push(urlOf('billing'), event('e-1')).catch(() => 'cut');
    await sandbox.waitForCalls(1);
    await push(urlOf('billing'), event('e-2'));
    await push(urlOf('billing'), event('e-3', { key: 'p-2' }));
    await push(urlOf('records'), event('e-2'));
    await sandbox.clearFaults();
    await hanging;
    await sandbox.waitForCalls((calls) => calls[0]?.durationMs !== null);
    await push(urlOf('billing'), event('e-4'));
    expect(sandbox.calls().map((one) => one.overlap)).toEqual([0, 1, 0, 0, 0]);
  });
});

describe('waitForCalls', () => {
  it('resolves with the calls when enough match', async () => {
    const waiting = sandbox.waitForCalls(2, { system: 'billing' });
    await push(urlOf('records'), event('e-1'));
    await push(urlOf('billing'), event('e-1'));
    await push(urlOf('billing'), event('e-2'));
    expect((await waiting).map(({ eventId, answeredStatus }) => [eventId, answeredStatus])).toEqual([
      ['e-1', 200],
      ['e-2', 200],
    ]);
    await expect(sandbox.waitForCalls(2, { system: 'billing' })).resolves.toHaveLength(2);
  });

  it('reports how many had arrived when the time is up', async () => {
    await push(urlOf('billing'), event('e-1'));
    await expect(sandbox.waitForCalls(2, { timeoutMs: 20 })).rejects.toMatchObject({
      code: 'wait_timed_out',
      message: 'after 20 ms 2 calls were awaited, 1 had come',
    });
  });

  it('rejects with what the predicate throws, and the call is answered all the same', async () => {
    const waiting = sandbox.waitForCalls((calls) => {
      if (calls.length > 0) throw new RangeError('not this one');
      return false;
    });
    const failed = expect(waiting).rejects.toThrow('not this one');
    expect((await push(urlOf('billing'), event('e-1'))).status).toBe(200);
    await failed;
  });

  it('ends when the sandbox is closed', async () => {
    const failed = expect(sandbox.waitForCalls(1)).rejects.toMatchObject({ code: 'closed' });
    await sandbox.close();
    await failed;
  });
});

describe('startSandbox', () => {
  it('names the port that is in use, and leaves nothing listening', async () => {
    const taken = Number(new URL(sandbox.urls.billing).port);
    const free = await new Promise<number>((resolve) => {
      const probe = createServer().listen(0, '127.0.0.1', () => {
        const address = probe.address();
        probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
      });
    });
    await expect(startSandbox({ ports: { scheduling: free, control: taken } })).rejects.toMatchObject({
      code: 'port_unavailable',
      message: `control cannot listen on port ${taken} of 127.0.0.1: it is in use: stop the program that listens there, or choose another port`,
    });
    await expect(call(`http://127.0.0.1:${free}`, { method: 'GET' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('rejects options out of their bounds by name', async () => {
    const wrong = { keepCalls: 0, seed: 1.5, ports: { control: 65_536 } };
    await expect(startSandbox(wrong)).rejects.toMatchObject({
      code: 'invalid_argument',
      problems: [{ field: 'ports.control' }, { field: 'seed' }, { field: 'keepCalls' }],
    });
  });

  it('can be closed twice, and rejects faults after that', async () => {
    await sandbox.close();
    await sandbox.close();
    await expect(sandbox.setFault('billing', { status: 500 })).rejects.toMatchObject({ code: 'closed' });
    await expect(push(urlOf('billing'), event('e-1'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
});
