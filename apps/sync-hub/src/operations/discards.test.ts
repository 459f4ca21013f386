import { expect, it } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import { flushed } from '../journal/suite/place.fixture.ts';
import { deadLettered } from '../journal/suite/samples.fixture.ts';
import { DeliveryFinder } from './delivery-query.ts';
import { Discards } from './discards.ts';
import { ManualClock } from './manual-clock.fixture.ts';
import { openRecordingJournal } from './recording-journal.fixture.ts';

/** Discards of a hub that has no adapter configured. */
function open() {
  const recorded: RecordedDelivery[] = [];
  const { journal, accept, record } = openRecordingJournal({ adapters: ['also-gone', 'gone'] });
  journal.subscribe({ committed: ({ records }) => void recorded.push(...records), ended: () => undefined });
  const lanes = { get: () => undefined, heldBy: () => 'not_ready' as const };
  const finder = new DeliveryFinder({ journal, lanes });
  return {
    journal,
    accept,
    record,
    recorded,
    discards: new Discards({ journal, lanes, finder, clock: new ManualClock() }),
  };
}

it('record each delivery of an adapter that is not configured once, and count it for one of two operators', async () => {
  const { journal, accept, record, recorded, discards } = open();
  const ids = Array.from({ length: 40 }, (_, number) => `event-${number}`);
  for (const id of ids) await accept(id, { key: '' });
  // Dead letters and open ones alike.
  record(deadLettered({ seq: 7, id: 'event-6' }, { adapter: 'gone' }));
  await flushed(journal);
  recorded.length = 0;
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
