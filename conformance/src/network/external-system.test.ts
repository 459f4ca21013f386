import { randomUUID } from 'node:crypto';
import { OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import type { NetworkFault, Way } from '@hms-sync/testing/tcp-proxy';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { OrderBook } from '../../proof/order-book.ts';
import { judge } from '../../proof/verdict.ts';
import { collect, createSyncClient, present, type SyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { type DisturbedStack, startDisturbedStack } from './disturbed-stack.ts';

/** An attempt at billing alone: more than a reset takes to be seen on a busy machine, less than what trickles does. */
const CUT_OFF_MS = 1_000;

let stack: DisturbedStack;
let client: SyncClient;

beforeAll(async () => {
  stack = await startDisturbedStack((system) => ({
    // A breaker that never opens: each trouble is to be seen by every event.
    breaker: { volumeThreshold: 10_000 },
    ...(system === 'billing' && { delivery: { concurrency: 16, timeoutMs: CUT_OFF_MS } }),
  }));
  client = createSyncClient(grpcJs.create(stack.hub.address));
});
afterEach(() => {
  for (const network of Object.values(stack.back)) network.heal();
  stack.sandbox.clearCalls();
});
afterAll(async () => {
  client?.close();
  await stack?.close();
});

interface Trouble {
  readonly title: string;
  readonly way: Way;
  readonly fault: NetworkFault;
  readonly kind: 'RETRYABLE' | 'TIMED_OUT';
  /** Whether the system does what it was asked although the adapter gets no response. */
  readonly hasEffect: boolean;
}

const troubles: readonly Trouble[] = [
  {
    title: 'resets connections at once',
    way: 'to_server',
    fault: { kind: 'reset', afterBytes: 0 },
    kind: 'RETRYABLE',
    hasEffect: false,
  },
  {
    title: 'resets them in the middle of a request',
    way: 'to_server',
    fault: { kind: 'reset', afterBytes: 150 },
    kind: 'RETRYABLE',
    hasEffect: false,
  },
  {
    title: 'resets them before an answer',
    way: 'to_client',
    fault: { kind: 'reset', afterBytes: 0 },
    kind: 'RETRYABLE',
    hasEffect: true,
  },
  {
    title: 'resets them in the middle of an answer',
    way: 'to_client',
    fault: { kind: 'reset', afterBytes: 180 },
    kind: 'RETRYABLE',
    hasEffect: true,
  },
  {
    title: 'half-closes them before a request',
    way: 'to_server',
    fault: { kind: 'half_close', afterBytes: 0 },
    kind: 'RETRYABLE',
    hasEffect: false,
  },
  {
    title: 'half-closes them in the middle of an answer',
    way: 'to_client',
    fault: { kind: 'half_close', afterBytes: 180 },
    kind: 'RETRYABLE',
    hasEffect: true,
  },
  { title: 'swallows requests', way: 'to_server', fault: { kind: 'black_hole' }, kind: 'TIMED_OUT', hasEffect: false },
  { title: 'swallows answers', way: 'to_client', fault: { kind: 'black_hole' }, kind: 'TIMED_OUT', hasEffect: true },
  {
    title: 'slows requests to a trickle',
    way: 'to_server',
    fault: { kind: 'trickle', pieceBytes: 2, everyMs: 20 },
    kind: 'TIMED_OUT',
    hasEffect: false,
  },
  {
    title: 'slows answers to a trickle',
    way: 'to_client',
    fault: { kind: 'trickle', pieceBytes: 2, everyMs: 20 },
    kind: 'TIMED_OUT',
    hasEffect: true,
  },
  {
    title: 'delays answers past the deadline',
    way: 'to_client',
    fault: { kind: 'delay', delayMs: 5_000 },
    kind: 'TIMED_OUT',
    hasEffect: true,
  },
];

const EVENTS = 12;

async function publish(book: OrderBook): Promise<void> {
  for (let index = 0; index < EVENTS; index += 1) {
    const event = { id: randomUUID(), type: 'ProcessUpdated', key: `p-${index % 4}` };
    await collect(client.publish({ event, until: PublishUntil.ACCEPTED }));
    book.add(event.id, event.key);
  }
}

/** The failures that billing's first attempt of the event ended with, once there is one. */
async function firstFailure(eventId: string): Promise<string> {
  for await (const { acks } of client.watchAcks({ eventIds: [eventId] })) {
    const failed = acks.find(({ adapter, error }) => adapter === 'billing' && error !== undefined);
    if (failed?.error !== undefined) return present(OutcomeKind[failed.error.kind]);
  }
  return 'delivered';
}

describe('a network in front of one system that', () => {
  test.for(troubles)('$title loses and reorders nothing, and stops no other system', async (trouble) => {
    const { sandbox, back } = stack;
    const book = new OrderBook();
    back.billing.disturb(trouble.way, trouble.fault);
    await publish(book);
    for (const system of ['records', 'scheduling'] as const) await sandbox.waitForCalls(EVENTS, { system });
    expect(await firstFailure(present(book.ids[0]))).toBe(trouble.kind);
    const before = sandbox.countCalls({ system: 'billing' }).effects;
    if (trouble.hasEffect) expect(before).toBeGreaterThan(0);
    else expect(before).toBe(0);

    // What is still on its way is lost with its connection.
    back.billing.resetAll();
    back.billing.heal();
    const messages = await Array.fromAsync(client.watchAcks({ eventIds: [...book.ids] }));
    const receipts = messages.flatMap(({ acks }) => acks).filter(({ receipt }) => receipt !== '');
    expect(receipts).toHaveLength(EVENTS * SYSTEM_NAMES.length);
    expect(judge(book, sandbox.calls())).toMatchObject({ lost: [], overtaken: [], undeclaredDuplicates: [] });
    for (const system of SYSTEM_NAMES) expect(sandbox.countCalls({ system }).effects).toBe(EVENTS);
    for (const system of ['records', 'scheduling'] as const) {
      expect(sandbox.countCalls({ system }).count).toBe(EVENTS);
    }
  });

  test('delays everything a little is only slower', async () => {
    const { sandbox, back } = stack;
    const book = new OrderBook();
    for (const way of ['to_server', 'to_client'] as const) back.records.disturb(way, { kind: 'delay', delayMs: 10 });
    await publish(book);
    const messages = await Array.fromAsync(client.watchAcks({ eventIds: [...book.ids] }));
    const receipts = messages.flatMap(({ acks }) => acks).filter(({ receipt }) => receipt !== '');
    const ofRecords = receipts.filter(({ adapter }) => adapter === 'records');
    expect(ofRecords.map(({ attempt }) => attempt)).toEqual(book.ids.map(() => 1));
    const verdict = judge(book, sandbox.calls({ system: 'records' }), ['records']);
    expect(verdict).toMatchObject({ lost: [], overtaken: [], declaredDuplicates: 0 });
  });
});
