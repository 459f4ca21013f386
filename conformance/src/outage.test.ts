import { randomUUID } from 'node:crypto';
import { HealthCheckResponse_ServingStatus as Status } from '@hms-sync/proto/health/v1/health';
import { type Ack, DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  type AdapterHealth,
  AdapterState,
  type Breaker,
  BreakerState,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Stack, startStack } from './stack.ts';
import { collect, createSyncClient, present, type SyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

/** Long enough to see that the breaker is open, short enough to see it try. */
const RESET_TIMEOUT_MS = 250;

let stack: Stack;
let client: SyncClient;

beforeEach(async () => {
  // The default of ten attempts stays: an outage must not use them up.
  const lane = { retry: { baseMs: 20, capMs: 100 }, breaker: { resetTimeoutMs: RESET_TIMEOUT_MS } };
  stack = await startStack({ lane });
  client = createSyncClient(grpcJs.create(stack.hub.address));
});
afterEach(async () => {
  client.close();
  await stack.close();
});

/** Watches one adapter's health for as long as the test runs. */
function watchBilling() {
  const received: AdapterHealth[] = [];
  const watching = (async () => {
    for await (const { adapters } of client.watchHealth()) {
      received.push(present(adapters.find(({ id }) => id === 'billing')));
    }
  })();
  // It ends with the client.
  watching.catch(() => undefined);
  return {
    /** Each state of the breaker, as often as it changed. */
    breakers: (): readonly Breaker[] =>
      received
        .map(({ breaker }) => present(breaker))
        .filter(({ state }, index, all) => index === 0 || all[index - 1]?.state !== state),
    until: (wanted: (now: AdapterHealth) => boolean) =>
      vi.waitUntil(() => received.at(-1) !== undefined && wanted(present(received.at(-1))), {
        interval: 5,
        timeout: 10_000,
      }),
    untilBreaker: (wanted: BreakerState, since = 0) =>
      vi.waitUntil(() => received.slice(since).some(({ breaker }) => breaker?.state === wanted), {
        interval: 5,
        timeout: 10_000,
      }),
    count: () => received.length,
  };
}

test('while one system is down the others get everything at once, and afterwards it gets everything too', async () => {
  const { sandbox } = stack;
  const billing = watchBilling();
  await billing.until(({ state, breaker }) => state === AdapterState.READY && breaker?.state === BreakerState.CLOSED);
  await sandbox.setFault('billing', { down: true });

  const events = Array.from({ length: 12 }, (_, index) => ({
    id: randomUUID(),
    type: 'ProcessUpdated',
    key: `p-${index % 8}`,
  }));
  const startedAtMs = performance.now();
  const settled = events.map((event) => collect(client.publish({ event })));
  for (const system of ['records', 'scheduling'] as const) await sandbox.waitForCalls(events.length, { system });
  expect(performance.now() - startedAtMs).toBeLessThan(5_000);

  await billing.untilBreaker(BreakerState.OPEN);
  expect(await client.checkHealth('adapter/billing')).toBe(Status.NOT_SERVING);
  expect(await client.checkHealth('adapter/records')).toBe(Status.SERVING);
  expect(await client.checkHealth('')).toBe(Status.SERVING);
  const late = { id: randomUUID(), type: 'ProcessUpdated', key: 'p-0' };
  settled.push(collect(client.publish({ event: late })));
  events.push(late);
  // It tried, failed and opened again: only then does the system come back.
  await billing.untilBreaker(BreakerState.HALF_OPEN);
  const seen = billing.count();
  await billing.untilBreaker(BreakerState.OPEN, seen);
  const { adapters } = await client.getHealth();
  const down = present(adapters.find(({ id }) => id === 'billing'));
  expect(down).toMatchObject({ state: AdapterState.READY, waiting: BigInt(events.length), deadLetters: 0n });
  expect(down.breaker?.lastError).toMatchObject({ kind: OutcomeKind.RETRYABLE, code: 'ECONNREFUSED' });
  await sandbox.clearFaults();

  const acks = (await Promise.all(settled)).map((published) => published.acks);
  await billing.untilBreaker(BreakerState.CLOSED, seen);
  expectTransitions(billing.breakers());
  for (const [index, event] of events.entries()) await expectDelivered(event.id, present(acks[index]));
  const effects = sandbox.calls({ system: 'billing', key: 'p-0' }).filter(({ effect }) => effect);
  expect(effects.map(({ eventId }) => eventId)).toEqual(events.filter(({ key }) => key === 'p-0').map(({ id }) => id));
  const now = present((await client.getHealth()).adapters[0]);
  expect(now).toMatchObject({ id: 'billing', waiting: 0n, deadLetters: 0n, breaker: { state: BreakerState.CLOSED } });
});

/** CLOSED, OPEN, HALF_OPEN, any number of OPEN and HALF_OPEN, CLOSED; each with its cause. */
function expectTransitions(breakers: readonly Breaker[]): void {
  const names = breakers.map(({ state }) => BreakerState[state]).join(' ');
  expect(names).toMatch(/^CLOSED OPEN HALF_OPEN (OPEN HALF_OPEN )+CLOSED$/);
  const [, opened, tried] = breakers;
  expect(opened?.cause).toMatch(/^5 different deliveries failed in a row; the last: ECONNREFUSED$/);
  const probe = present(opened?.nextProbeTime);
  const since = present(opened?.since);
  const waitMs = Number(probe.seconds - since.seconds) * 1_000 + (probe.nanos - since.nanos) / 1e6;
  expect(waitMs).toBe(RESET_TIMEOUT_MS);
  expect(tried?.cause).toContain('one delivery is let through');
  expect(breakers.at(-1)?.cause).not.toBe('');
}

/** GetEvent returns every attempt as the acks did, and the last one delivered. */
async function expectDelivered(id: string, acks: readonly Ack[]): Promise<void> {
  const mine = acks.filter(({ adapter }) => adapter === 'billing');
  expect(mine.some(({ state }) => state === DeliveryState.DEAD_LETTERED)).toBe(false);
  expect(mine.at(-1)?.state).toBe(DeliveryState.DELIVERED);
  const { deliveries } = await client.getEvent(id);
  const attempts = present(deliveries[0]).attempts;
  expect(attempts.map(({ number }) => number)).toEqual(attempts.map((_, index) => index + 1));
  expect(attempts.at(-1)?.outcome).toBe(OutcomeKind.DELIVERED);
  const failed = attempts.slice(0, -1);
  expect(failed.every(({ error }) => error?.code === 'ECONNREFUSED')).toBe(true);
  const received = mine.filter(({ state }) => state === DeliveryState.RETRYING);
  expect(received.map(({ attempt }) => attempt)).toEqual(failed.map(({ number }) => number));
}

test('an event that is published while a breaker is open is reported as held by it', async () => {
  const billing = watchBilling();
  await stack.sandbox.setFault('billing', { status: 503 });
  const events = Array.from({ length: 8 }, () => ({ id: randomUUID(), type: 'ProcessUpdated' }));
  const published = events.map((event) => collect(client.publish({ event })));
  await billing.untilBreaker(BreakerState.OPEN);
  const late = client.publish({ event: { id: randomUUID(), type: 'ProcessUpdated' } });
  const acks: Ack[] = [];
  for await (const { result } of late) {
    if (result.case === 'ack' && result.value.adapter === 'billing') acks.push(result.value);
    if (acks.length > 0) break;
  }
  expect(acks[0]).toMatchObject({ state: DeliveryState.HELD, heldBy: HeldBy.BREAKER, attempt: 0 });
  await stack.sandbox.clearFaults();
  await Promise.all(published);
});
