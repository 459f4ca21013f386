import { randomUUID } from 'node:crypto';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdapterState, BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { DELIVERED_EVERYWHERE, outline } from './acks.ts';
import { QUICK_RETRY, type Stack, type StackOptions, startStack, TOKEN } from './stack.ts';
import { collect, createSyncClient, first, present, type SyncClient } from './sync-client.ts';
import { connectHttp1 } from './transports/connect-transport.ts';

let stack: Stack;

afterEach(() => stack.close());

async function start(options: StackOptions = {}): Promise<SyncClient> {
  stack = await startStack({ lane: { retry: QUICK_RETRY }, ...options });
  return connect();
}

function connect(): SyncClient {
  const client = createSyncClient(connectHttp1.create(stack.hub.address));
  onTestFinished(() => client.close());
  return client;
}

const newEvent = (key = '') => ({ id: randomUUID(), type: 'ProcessUpdated', key });

async function billingOf(client: SyncClient) {
  return present((await client.getHealth()).adapters[0]);
}

describe('a system that rejects the credential', () => {
  test('pauses its adapter, which keeps its queue until a hub with the right one delivers it', async () => {
    const client = await start({ env: { BILLING_TOKEN: 'zz-wrong-token' } });
    const events = Array.from({ length: 10 }, () => newEvent('p-1'));
    for (const event of events) await client.publishAndWait(event, 0);
    const paused = await first(client.watchHealth(), ({ adapters }) => adapters[0]?.state === AdapterState.PAUSED);
    expect(paused.adapters[0]?.reason).toContain('HTTP_401');
    expect(paused.hub?.accepting).toBe(true);
    for (const system of ['records', 'scheduling'] as const) await stack.sandbox.waitForCalls(10, { system });

    const { acks } = await client.publishAndWait(newEvent('p-2'), 200);
    expect(acks.find(({ adapter }) => adapter === 'billing')).toMatchObject({
      state: DeliveryState.HELD,
      heldBy: HeldBy.PAUSED,
    });
    expect(await billingOf(client)).toMatchObject({
      waiting: 11n,
      deadLetters: 0n,
      breaker: { state: BreakerState.CLOSED },
    });
    expect(stack.sandbox.countCalls({ system: 'billing' }).count).toBe(1);
    expect(stack.hub.log).not.toContain('zz-wrong-token');
    expect(await stack.hub.stop()).toMatchObject({ code: 0 });

    await stack.restart();
    const again = connect();
    await Array.fromAsync(again.watchAcks({ eventIds: events.map(({ id }) => id) }));
    const effects = stack.sandbox.calls({ system: 'billing', key: 'p-1' }).filter(({ effect }) => effect);
    expect(effects.map(({ eventId }) => eventId)).toEqual(events.map(({ id }) => id));
    expect(stack.hub.log).not.toContain(TOKEN);
  });
});

describe('a system that rejects an event', () => {
  test('makes it a dead letter at once, and later events of its key are delivered', async () => {
    const client = await start();
    const refused = newEvent('p-1');
    await stack.sandbox.setFault('billing', { status: 422, match: { eventId: refused.id } });
    const { acks } = await collect(client.publish({ event: refused }));
    expect(outline(acks)).toEqual(['billing DEAD_LETTERED', 'records DELIVERED', 'scheduling DELIVERED']);
    expect(acks.find(({ adapter }) => adapter === 'billing')).toMatchObject({
      attempt: 1,
      error: { kind: OutcomeKind.PERMANENT, code: 'HTTP_422' },
    });
    expect(outline((await client.publishAndWait(newEvent('p-1'))).acks)).toEqual(DELIVERED_EVERYWHERE);
    expect(await billingOf(client)).toMatchObject({
      deadLetters: 1n,
      waiting: 0n,
      state: AdapterState.READY,
      breaker: { state: BreakerState.CLOSED },
    });
  });

  test('has it dead-lettered after the attempts that the operator allows, while it accepts others', async () => {
    const client = await start({ lane: { retry: { baseMs: 1, capMs: 1, maxAttempts: 3 } } });
    const event = newEvent();
    await stack.sandbox.setFault('billing', { status: 500, match: { eventId: event.id } });
    let isSettled = false;
    const settling = collect(client.publish({ event })).finally(() => {
      isSettled = true;
    });
    for (let other = 0; !isSettled; other += 1) await client.publishAndWait(newEvent(`other-${other}`));
    const billing = (await settling).acks.filter(({ adapter }) => adapter === 'billing');
    const states = billing.map(({ state }) => state);
    // Three that count, and the last one.
    expect(states.slice(0, 3)).toEqual(new Array(3).fill(DeliveryState.RETRYING));
    expect(billing.at(-1)?.attempt).toBeGreaterThan(3);
    expect(states.indexOf(DeliveryState.DEAD_LETTERED)).toBe(states.length - 1);
  });

  test('that must be JSON and is not is rejected by the hub, and creates no dead letter', async () => {
    const client = await start();
    const event = { ...newEvent(), payload: { case: 'data', value: Buffer.from('{"ZZPHI":') } } as const;
    const refused = await collect(client.publish({ event })).catch((error: unknown) => String(error));
    expect(refused).toContain('event.data is not JSON');
    expect(refused).not.toContain('ZZPHI');
    expect(stack.sandbox.countCalls().count).toBe(0);
  });
});

describe('a system that throttles', () => {
  test('gets the event again after the time that it named, and does not count as failing', async () => {
    const client = await start({ systems: ['billing'] });
    const event = newEvent();
    await stack.sandbox.setFault('billing', { status: 429, retryAfter: '1', times: 1 });
    const { acks } = await collect(client.publish({ event }));
    const [retried, done] = acks.filter(({ adapter, state }) => adapter === 'billing' && state !== DeliveryState.HELD);
    expect(retried).toMatchObject({
      state: DeliveryState.RETRYING,
      error: { kind: OutcomeKind.THROTTLED, code: 'HTTP_429' },
    });
    expect(done).toMatchObject({ state: DeliveryState.DELIVERED, attempt: 2 });
    const [once, twice] = stack.sandbox.calls({ system: 'billing' }).map(({ at }) => Date.parse(at));
    expect(present(twice) - present(once)).toBeGreaterThanOrEqual(990);
    expect((await billingOf(client)).breaker).toMatchObject({ state: BreakerState.CLOSED, failures: 0 });
  });

  test.each([
    [429, '0', OutcomeKind.THROTTLED],
    [429, 'Mon, 23 Nov 2009 10:00:00 GMT', OutcomeKind.THROTTLED],
    [503, '0', OutcomeKind.RETRYABLE],
    [503, 'Mon Nov 23 10:00:00 2009', OutcomeKind.RETRYABLE],
  ])(
    'by %i with Retry-After: %s, which is not a time, is not called again at once',
    async (status, retryAfter, kind) => {
      const client = await start({
        systems: ['billing'],
        lane: { retry: { baseMs: 500, capMs: 1_000, maxAttempts: 10 } },
      });
      const event = newEvent();
      await stack.sandbox.setFault('billing', { status, retryAfter, times: 2 });
      const { acks } = await collect(client.publish({ event }));
      const retried = acks.filter(({ adapter, error }) => adapter === 'billing' && error !== undefined);
      expect(retried.map(({ error }) => error?.kind)).toEqual([kind, kind]);
      const calls = stack.sandbox.calls({ system: 'billing' }).map(({ at }) => Date.parse(at));
      const pauses = calls.slice(1).map((at, index) => at - present(calls[index]));
      expect(pauses).toHaveLength(2);
      // A backoff is never less than half of half a second.
      for (const pauseMs of pauses) expect(pauseMs).toBeGreaterThanOrEqual(240);
    },
  );
});
