import { randomUUID } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { type RecordedCall, SYSTEM_NAMES } from '@hms-sync/sandbox';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { DELIVERED_EVERYWHERE, outline } from './acks.ts';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { QUICK_RETRY, type Stack, startStack } from './stack.ts';
import { collect, createSyncClient, present, type SyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

function clientOf(hub: Hub): SyncClient {
  const client = createSyncClient(grpcJs.create(hub.address));
  onTestFinished(() => client.close());
  return client;
}

/** Waits until all of the events are settled, and returns all of their acks. */
async function settle(client: SyncClient, eventIds: string[]): Promise<readonly Ack[]> {
  const messages = await Array.fromAsync(client.watchAcks({ eventIds }));
  return messages.flatMap(({ acks }) => acks);
}

describe('a hub that is killed between ACCEPTED and delivery', () => {
  let stack: Stack;

  beforeEach(async () => {
    stack = await startStack({ lane: { retry: QUICK_RETRY, breaker: { resetTimeoutMs: 100 } } });
  });
  afterEach(() => stack.close());

  const troubles = [
    { what: 'while the systems are down', fault: { down: true }, callsEach: 1 },
    { what: 'while calls hang that had no effect', fault: { hang: true }, callsEach: undefined },
    { what: 'while calls hang that had their effect', fault: { hang: true, afterEffect: true }, callsEach: undefined },
  ];

  test.for(troubles)(
    'delivers after its restart, in order, with one effect at each system: $what',
    async ({ fault, callsEach }) => {
      const { sandbox } = stack;
      const keys = ['p-1', 'p-2', 'p-3'];
      const events = Array.from({ length: 12 }, (_, index) => ({
        id: randomUUID(),
        type: 'ProcessUpdated',
        key: present(keys[index % keys.length]),
      }));
      await sandbox.setFault('*', fault);
      const before = clientOf(stack.hub);
      for (const event of events) await collect(before.publish({ event, until: PublishUntil.ACCEPTED }));
      // The first event of each key is on its way to each system.
      if (fault.hang === true) await sandbox.waitForCalls(keys.length * SYSTEM_NAMES.length);
      const { signal } = await stack.hub.kill();
      expect(signal).toBe('SIGKILL');
      await sandbox.clearFaults();

      const after = clientOf(await stack.restart());
      const ids = events.map(({ id }) => id);
      const acks = await settle(after, ids);
      for (const id of ids) {
        const terminal = acks.filter(({ eventId, receipt }) => eventId === id && receipt !== '');
        expect(outline(terminal)).toEqual(DELIVERED_EVERYWHERE);
      }
      for (const system of SYSTEM_NAMES) {
        expect(sandbox.countCalls({ system }).effects).toBe(events.length);
        for (const key of keys) {
          const effects = sandbox.calls({ system, key }).filter(({ effect }) => effect);
          expect(effects.map(({ eventId }) => eventId)).toEqual(idsOf(events, key));
        }
      }
      const calls = sandbox.calls();
      for (const [first, ...again] of repeated(calls)) {
        expect(again.map(({ receipt }) => receipt)).toEqual(again.map(() => first.receipt ?? again[0]?.receipt));
      }
      if (callsEach !== undefined) expect(calls).toHaveLength(events.length * SYSTEM_NAMES.length * callsEach);
    },
  );

  test('has lost no event that it acknowledged, whenever it was killed', async () => {
    const { sandbox } = stack;
    const client = clientOf(stack.hub);
    const accepted: string[] = [];
    async function* batches() {
      for (let batch = 0; ; batch += 1) {
        yield { events: Array.from({ length: 50 }, () => ({ id: randomUUID(), type: 'T', key: `k-${batch % 7}` })) };
      }
    }
    const publishing = expect(
      (async () => {
        for await (const { results } of client.publishStream(batches())) {
          for (const { result } of results) if (result.case === 'accepted') accepted.push(result.value.eventId);
        }
      })(),
    ).rejects.toMatchObject({ code: 'unavailable' });
    await vi.waitUntil(() => accepted.length >= 500, { interval: 1, timeout: 20_000 });
    await stack.hub.kill();
    await publishing;

    const after = clientOf(await stack.restart());
    for (let start = 0; start < accepted.length; start += 1_000)
      await settle(after, accepted.slice(start, start + 1_000));
    const effects = new Map(sandbox.calls().flatMap((call) => (call.effect ? [[call.idempotencyKey, call]] : [])));
    for (const id of accepted) {
      for (const system of SYSTEM_NAMES) expect(effects.has(`${id}:${system}`)).toBe(true);
    }
    for (const system of SYSTEM_NAMES)
      expect(sandbox.calls({ system }).every(({ overlap }) => overlap === 0)).toBe(true);
  });
});

test('an adapter gets the redelivered flag for a delivery from before a crash', async () => {
  const folder = await HubFolder.create({
    // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference of the configuration.
    config: { adapters: [{ package: 'adapter-witness', config: { hold: '${HOLD}' } }] },
  });
  onTestFinished(() => folder.remove());
  await folder.install('adapter-witness');
  const hold = join(folder.path, 'hold');
  await writeFile(hold, '');
  const hub = await folder.start({ HOLD: hold });
  const id = randomUUID();
  await clientOf(hub).publishAndWait({ id, type: 'T' }, 0);
  await vi.waitUntil(async () => (await readFile(hold, 'utf8')).includes(id), { interval: 5, timeout: 10_000 });
  await hub.kill();
  await rm(hold);

  const after = clientOf(await folder.start({ HOLD: hold }));
  // May be reported as HELD first, until the adapter's process is ready.
  const ack = (await settle(after, [id])).at(-1);
  // The attempt that was cut off ended with the hub, not by its own fault: it is not counted.
  expect(JSON.parse(present(ack).receipt)).toEqual({ attempt: 1, redelivered: true });
  const { acks } = await after.publishAndWait({ type: 'T' });
  expect(JSON.parse(present(acks[0]).receipt)).toEqual({ attempt: 1, redelivered: false });
});

function idsOf(events: readonly { id: string; key: string }[], key: string): readonly string[] {
  return events.filter((event) => event.key === key).map(({ id }) => id);
}

/** The calls of each idempotency key that came more than once. */
function repeated(calls: readonly RecordedCall[]): readonly [RecordedCall, ...RecordedCall[]][] {
  return [...Map.groupBy(calls, (call) => call.idempotencyKey).values()].filter(
    (group): group is [RecordedCall, ...RecordedCall[]] => group.length > 1,
  );
}
