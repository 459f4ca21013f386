import { expect, it, onTestFinished } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import { MemoryDisk } from '../journal/memory/memory-disk.ts';
import { MemoryJournal } from '../journal/memory/memory-journal.ts';
import { acceptNew, sampleAccept, sampleEvent } from '../journal/suite/samples.suite.ts';
import { DeliveryFinder } from './delivery-query.ts';
import { Discards } from './discards.ts';

/** Discards of a hub that has no adapter configured. */
function open() {
  const recorded: RecordedDelivery[] = [];
  const journal = new MemoryJournal({
    disk: new MemoryDisk(),
    observer: { accepted() {}, recorded: (records) => void recorded.push(...records), reopened() {} },
    onFatal(error) {
      throw error;
    },
  });
  onTestFinished(() => journal.close());
  const lanes = { get: () => undefined, heldBy: () => 'not_ready' as const };
  const finder = new DeliveryFinder({ journal, lanes });
  return { journal, recorded, discards: new Discards({ journal, lanes, finder, wallMs: () => 1_790_000_002_000 }) };
}

it('record each delivery of an adapter that is not configured once, and count it for one of two people', async () => {
  const { journal, recorded, discards } = open();
  // More than go to the journal at a time, so that the two people's turns alternate.
  const ids = Array.from({ length: 40 }, (_, number) => `event-${number}`);
  for (const id of ids) await acceptNew(journal, sampleAccept(sampleEvent(id), { adapters: ['gone', 'also-gone'] }));
  const query = { filter: { adapters: ['gone'] }, states: [] };
  const { signal } = new AbortController();
  const [dana, omar] = await Promise.all([
    discards.run(query, 'Dana says so', signal),
    discards.run(query, 'Omar says so', signal),
  ]);
  expect(recorded.map(({ eventId }) => eventId).sort()).toEqual(ids.toSorted());
  expect(recorded.every(({ adapter, state }) => adapter === 'gone' && state === 'discarded')).toBe(true);
  expect(recorded.filter(({ reason }) => reason === 'Dana says so')).toHaveLength(dana);
  expect(recorded.filter(({ reason }) => reason === 'Omar says so')).toHaveLength(omar);
});
