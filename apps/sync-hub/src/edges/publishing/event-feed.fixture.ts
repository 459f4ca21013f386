import type { DeliveryRecord } from '../../core/delivery.ts';
import type { HeldBy as HeldByWord } from '../../core/lane-messages.ts';
import { openInlineJournal } from '../../journal/sqlite/inline-journal.ts';
import {
  newEvent,
  recordRequest,
  sampleAccept,
  sampleEvent,
  sampleRecord,
} from '../../journal/suite/samples.fixture.ts';
import { Cursors } from '../cursor.ts';
import { EventFeed, type FeedRequest } from './event-feed.ts';
import { CountedAcks } from './hub.fixture.ts';

/** A feed before a journal in memory whose records the test writes itself; nothing is held unless it says so. */
export async function openFeed({ adapters = ['billing', 'records'] } = {}) {
  const journal = openInlineJournal();
  const held = new Map<string, HeldByWord>();
  const gates = { heldBy: (adapter: string) => held.get(adapter), holdsKeys: () => false };
  const acks = new CountedAcks({ journal, gates, wallMs: () => 1_790_000_002_000 });
  journal.subscribe({ committed: (commit) => acks.committed(commit), ended: () => undefined });
  const cursors = new Cursors(journal.info.id);
  const feed = new EventFeed({ journal, acks, cursors });
  for (const adapter of adapters) {
    void journal.openLane({ adapter, onDeadLetter: 'continue', nowMs: 0, longestWaitMs: 1_000 });
  }
  void journal.setReceivers(adapters);
  const accept = async (id: string, key: string) =>
    newEvent(await journal.accept(sampleAccept(sampleEvent(id, { key }))));
  const event = await accept('event-1', 'process-7');
  const abort = new AbortController();
  const read = (changes: Partial<FeedRequest> = {}) =>
    feed.read({ events: [event], until: 'settled', after: new Map(), signal: abort.signal, ...changes });
  let atMs = 1_790_000_001_000;
  const record = (changes: Partial<DeliveryRecord>) => {
    atMs += 1;
    const made = sampleRecord(event, { atMs, ...changes });
    const epoch = 1 + adapters.indexOf(made.adapter);
    journal.record(recordRequest(made, epoch)).catch(() => undefined);
  };
  /** What holds the deliveries of a lane from now on, and all that follows from it. */
  const hold = async (adapter: string, heldBy: HeldByWord) => {
    held.set(adapter, heldBy);
    acks.gateChanged(adapter);
    await Promise.resolve();
  };
  return { journal, acks, held, hold, cursors, feed, event, accept, abort, read, record };
}
