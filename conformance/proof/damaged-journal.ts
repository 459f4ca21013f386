import { cp, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as elapse } from 'node:timers/promises';
import { clone, equals } from '@bufbuild/protobuf';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { type Delivery, DeliverySchema, type GetEventResponse } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { CallError } from '../src/call-error.ts';
import { EndedEarly } from '../src/child.ts';
import type { Hub } from '../src/hub.ts';
import { createSyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { wrongEnding } from './ending.ts';
import type { LedgerStack } from './ledger-stack.ts';
import type { SampleJournal } from './sample-journal.ts';

/** What a hub made of a journal that was damaged. */
export type DamageAnswer =
  /** It did not start, said why in one line, and ended with its own code. */
  | { readonly kind: 'refused' }
  /** It started, came upon the damage as it read, said why in one line, and ended with its own code. */
  | { readonly kind: 'found later' }
  /** Every accepted event is there and right, and what had to be delivered was. */
  | { readonly kind: 'intact' }
  /** Something changed, and nobody was notified. */
  | { readonly kind: 'SILENT LOSS'; readonly what: string }
  /** It ended in another way than it should. */
  | { readonly kind: 'CRASHED'; readonly what: string }
  | { readonly kind: 'HUNG' };

/** A start takes half a second, and what waits is delivered in another. */
const ANSWER_WITHIN_MS = 120_000;

/** Starts a hub on what `inflict` made of a copy of the journal, with systems that are well, and looks what comes of it. */
export async function answerToDamage(
  stack: LedgerStack,
  sample: SampleJournal,
  inflict: (folder: string) => void,
): Promise<DamageAnswer> {
  const folder = dirname(stack.journalPath);
  await rm(folder, { recursive: true, force: true });
  await cp(sample.folder, folder, { recursive: true });
  inflict(folder);
  const timeIsUp = new AbortController();
  try {
    const hung = elapse(ANSWER_WITHIN_MS, { kind: 'HUNG' } as const, { signal: timeIsUp.signal });
    hung.catch(() => undefined);
    return await Promise.race([startAndLook(stack, sample), hung]);
  } finally {
    timeIsUp.abort();
    await stack.folder.endHubs();
  }
}

async function startAndLook(stack: LedgerStack, sample: SampleJournal): Promise<DamageAnswer> {
  try {
    const hub = await stack.folder.start();
    const looked = look(stack, hub, sample).catch((error: unknown): DamageAnswer | undefined => {
      // The hub is gone, or one request failed: its end says which.
      if (!(error instanceof CallError)) throw error;
      return undefined;
    });
    const answer = await Promise.race([looked, hub.ended.then(() => undefined)]);
    if (answer !== undefined && hub.isRunning) return answer;
    const [wrong] = wrongEnding(await hub.ended, stack.journalPath);
    return wrong === undefined ? { kind: 'found later' } : { kind: 'CRASHED', what: wrong };
  } catch (error) {
    if (!(error instanceof EndedEarly)) throw error;
    const [wrong] = wrongEnding(error.ending, stack.journalPath);
    return wrong === undefined ? { kind: 'refused' } : { kind: 'CRASHED', what: wrong };
  }
}

async function look(stack: LedgerStack, hub: Hub, { events }: SampleJournal): Promise<DamageAnswer> {
  await stack.settle(hub);
  const client = createSyncClient(grpcJs.create(hub.address));
  try {
    for (const [id, before] of events) {
      const what = await client.getEvent(id).then(
        (after) => difference(before, after),
        (error: unknown) => {
          if (error instanceof CallError && error.code === 'not_found') return 'is gone';
          throw error;
        },
      );
      if (what !== undefined) return { kind: 'SILENT LOSS', what: `${id} ${what}` };
    }
    return { kind: 'intact' };
  } finally {
    client.close();
  }
}

/** How an event differs from before the damage; undefined when it does not. */
function difference(before: GetEventResponse, after: GetEventResponse): string | undefined {
  if (before.event === undefined || after.event === undefined) return 'has no content';
  if (!equals(SyncEventSchema, before.event, after.event)) return 'has another content';
  for (const [index, delivery] of before.deliveries.entries()) {
    const now = after.deliveries[index];
    const wasSettled = isSettled(delivery);
    if (now === undefined) return `lost its delivery to ${delivery.latest?.adapter}`;
    if (wasSettled && !equals(DeliverySchema, withOwnPlace(delivery), withOwnPlace(now)))
      return `has another history at ${delivery.latest?.adapter}`;
    if (!wasSettled && now.latest?.state !== DeliveryState.DELIVERED)
      return `is not delivered to ${delivery.latest?.adapter}`;
  }
  return after.deliveries.length === before.deliveries.length ? undefined : 'has more deliveries';
}

/** Of its cursor only the place among the records of its own adapter: those of the others move on. */
function withOwnPlace(delivery: Delivery): Delivery {
  const copy = clone(DeliverySchema, delivery);
  if (copy.latest === undefined) return copy;
  const { adapter, cursor } = copy.latest;
  const lanes = cursor.slice(cursor.indexOf('-') + 1).split('_');
  copy.latest.cursor = lanes.find((lane) => lane.startsWith(`${adapter}.`)) ?? `no place in ${cursor}`;
  return copy;
}

function isSettled({ latest }: Delivery): boolean {
  return latest?.state === DeliveryState.DELIVERED || latest?.state === DeliveryState.DEAD_LETTERED;
}
