import { Agent, request } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { call, push } from '../test/caller.ts';
import { type Sandbox, SYSTEM_NAMES, startSandbox } from './sandbox.ts';
import { SYSTEMS } from './system.ts';

let sandbox: Sandbox;
let url: string;

beforeEach(async () => {
  sandbox = await startSandbox({ seed: 7 });
  url = sandbox.urls.billing + SYSTEMS.billing.path;
});
afterEach(() => sandbox.close());

function event(id: string, more: Record<string, unknown> = {}) {
  return { type: 'ProcessUpdated', id, key: 'p-1', ...more };
}

describe('a fault', () => {
  it('latencyMs delays the answer, not the effect', async () => {
    await sandbox.setFault('billing', { latencyMs: 60 });
    const answering = push(url, event('e-1'));
    const [arrived] = await sandbox.waitForCalls(1);
    expect(arrived).toMatchObject({ fault: 'latency', answeredStatus: null, durationMs: null, effect: true });
    expect((await answering).status).toBe(200);
    const [answered] = sandbox.calls();
    expect(answered).toMatchObject({ answeredStatus: 200 });
    expect(answered?.durationMs).toBeGreaterThanOrEqual(59);
  });

  it('status answers with it and with its Retry-After, without an effect', async () => {
    await sandbox.setFault('billing', { status: 429, retryAfter: '2' });
    const answer = await push(url, event('e-1'));
    expect(answer.status).toBe(429);
    expect(answer.headers['retry-after']).toBe('2');
    expect(sandbox.calls()).toMatchObject([{ answeredStatus: 429, fault: 'status', effect: false, receipt: null }]);
  });

  it('afterEffect applies the change before the call fails', async () => {
    await sandbox.setFault('billing', { reset: true, afterEffect: true, times: 1 });
    await expect(push(url, event('e-1'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect((await push(url, event('e-1'))).body).toEqual({ status: 'ok', receipt: 'bill-000001' });
    expect(sandbox.calls()).toMatchObject([
      { answeredStatus: null, fault: 'reset', effect: true, receipt: 'bill-000001', attempt: 1 },
      { answeredStatus: 200, fault: null, effect: false, receipt: 'bill-000001', attempt: 2 },
    ]);
  });

  it('errorRate fails the same calls each time it is set', async () => {
    const runOf = async (): Promise<number[]> => {
      await sandbox.setFault('billing', { errorRate: 0.5 });
      const statuses: number[] = [];
      for (let i = 0; i < 30; i += 1) statuses.push((await push(url, event(`e-${i}`))).status);
      return statuses;
    };
    const first = await runOf();
    expect(new Set(first)).toEqual(new Set([200, 503]));
    expect(await runOf()).toEqual(first);
  });

  it('down closes the port and cuts its connections; clearing opens the same port', async () => {
    await sandbox.setFault('billing', { hang: true });
    const cut = expect(push(url, event('e-1'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await sandbox.waitForCalls(1);
    await sandbox.setFault('billing', { latencyMs: 60_000 });
    await cut;
    const delayed = expect(push(url, event('e-2'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await sandbox.waitForCalls(2);
    await sandbox.setFault('billing', { down: true });
    await delayed;
    await expect(push(url, event('e-3'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await expect(call(sandbox.urls.billing, { method: 'GET' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(sandbox.calls()).toMatchObject([
      { eventId: 'e-1', fault: 'hang', answeredStatus: null, durationMs: expect.any(Number) },
      { eventId: 'e-2', fault: 'down', answeredStatus: null, durationMs: expect.any(Number) },
    ]);
    await sandbox.clearFaults('billing');
    expect((await push(url, event('e-4'))).status).toBe(200);
  });

  it('down and up at the same time end in the last requested state', async () => {
    const up = () => sandbox.clearFaults('billing');
    const down = () => sandbox.setFault('billing', { down: true });
    await Promise.all([down(), up(), down(), up()]);
    expect((await push(url, event('e-1'))).status).toBe(200);
    await Promise.all([down(), up(), down(), up(), down()]);
    await expect(push(url, event('e-2'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await Promise.all([up(), down()]);
    await expect(push(url, event('e-3'))).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('hang never answers; clearing cuts the connection', async () => {
    await sandbox.setFault('billing', { hang: true });
    const cut = expect(push(url, event('e-1'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    const [hanging] = await sandbox.waitForCalls(1);
    expect(hanging).toMatchObject({ fault: 'hang', answeredStatus: null, durationMs: null, effect: false });
    await sandbox.clearFaults('billing');
    await cut;
    const [released] = await sandbox.waitForCalls(([one]) => one?.durationMs !== null);
    expect(released).toMatchObject({ fault: 'hang', answeredStatus: null });
  });

  it('hang does not prevent the sandbox from closing', async () => {
    await sandbox.setFault('*', { hang: true });
    const cut = expect(push(url, event('e-1'))).rejects.toMatchObject({ code: 'ECONNRESET' });
    await sandbox.waitForCalls(1);
    await sandbox.close();
    await cut;
  });

  it('a caller that disconnects is recorded', async () => {
    await sandbox.setFault('billing', { latencyMs: 60_000 });
    const caller = new AbortController();
    const aborted = expect(push(url, event('e-1'), { signal: caller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    });
    await sandbox.waitForCalls(1);
    caller.abort();
    await aborted;
    const [gone] = await sandbox.waitForCalls(([one]) => one?.durationMs !== null);
    expect(gone).toMatchObject({ fault: 'latency', answeredStatus: null });
  });

  it('reset ends the connection with a TCP reset', async () => {
    await sandbox.setFault('billing', { reset: true });
    await expect(push(url, event('e-1'))).rejects.toMatchObject({ code: 'ECONNRESET', syscall: 'read' });
    expect(sandbox.calls()).toMatchObject([{ fault: 'reset', answeredStatus: null, effect: false }]);
  });

  it('slowBodyMs sends the headers at once and the body in pieces', async () => {
    await sandbox.setFault('billing', { slowBodyMs: 100 });
    const answer = await push(url, event('e-1'));
    expect(answer.body).toEqual({ status: 'ok', receipt: 'bill-000001' });
    expect(answer.bodyMs).toBeGreaterThanOrEqual(80);
    const [slow] = await sandbox.waitForCalls(([one]) => one?.answeredStatus === 200);
    expect(slow).toMatchObject({ fault: 'slowBody', effect: true });
  });

  it('slowBodyMs also slows a failing response', async () => {
    await sandbox.setFault('billing', { slowBodyMs: 20, status: 500 });
    expect((await push(url, event('e-1'))).status).toBe(500);
    expect(sandbox.calls()).toMatchObject([{ fault: 'status', effect: false }]);
  });

  it('times ends it by itself', async () => {
    await sandbox.setFault('billing', { status: 500, times: 2 });
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await push(url, event('e-1'))).status);
    expect(statuses).toEqual([500, 500, 200]);
    expect(sandbox.faults().billing).toBeNull();
    expect(sandbox.calls()).toMatchObject([{ effect: false }, { effect: false }, { effect: true, attempt: 3 }]);
  });

  it('match does not affect other calls', async () => {
    await sandbox.setFault('billing', { status: 500, match: { key: 'poison' } });
    expect((await push(url, event('e-1', { key: 'poison' }))).status).toBe(500);
    expect((await push(url, event('e-2'))).status).toBe(200);
    expect(sandbox.faults().billing).toEqual({ fault: { status: 500, match: { key: 'poison' } }, calls: 1 });
  });

  it('* sets the fault of all systems, a name that of one', async () => {
    const statuses = () =>
      Promise.all(
        SYSTEM_NAMES.map(async (name) => (await push(sandbox.urls[name] + SYSTEMS[name].path, event('e-1'))).status),
      );
    await sandbox.setFault('*', { status: 500 });
    expect(await statuses()).toEqual([500, 500, 500]);
    await sandbox.clearFaults('records');
    expect(await statuses()).toEqual([500, 200, 500]);
    await sandbox.clearFaults();
    expect(await statuses()).toEqual([200, 200, 200]);
  });

  it('does not affect rejections of invalid calls', async () => {
    await sandbox.setFault('billing', { status: 500 });
    expect((await call(url, { body: '{}' })).status).toBe(400);
    expect(sandbox.faults().billing?.calls).toBe(0);
  });

  it('that is wrong changes nothing', async () => {
    await sandbox.setFault('billing', { status: 500 });
    await expect(sandbox.setFault('billing', { status: 42 })).rejects.toMatchObject({ code: 'invalid_argument' });
    expect(sandbox.faults().billing?.fault).toEqual({ status: 500 });
  });
});

describe('keep-alive', () => {
  it('answers many calls on one connection, each once and in order', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    const pushOnce = (id: number): Promise<void> =>
      new Promise((resolve, reject) => {
        const outgoing = request(
          url,
          { method: 'POST', agent, headers: { 'idempotency-key': `${id}` } },
          (response) => {
            ports.add(response.socket.localPort);
            response.on('end', resolve).resume();
          },
        );
        outgoing.on('error', reject).end(JSON.stringify(event(`e-${id}`)));
      });
    for (let id = 1; id <= 500; id += 1) await pushOnce(id);
    agent.destroy();
    expect(ports.size).toBe(1);
    expect(sandbox.calls().map((one) => one.receipt)).toEqual(
      Array.from({ length: 500 }, (_, index) => `bill-${String(index + 1).padStart(6, '0')}`),
    );
  });
});
