import { useDatabase } from '@hms-sync/testing/postgres';
import { expect, it, onTestFinished } from 'vitest';
import type { RecordedDelivery } from '../../core/delivery.ts';
import type { SharedJournal } from '../cluster-journal.ts';
import { Session } from '../suite/place.fixture.ts';
import { retrying, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

async function openHubs(count: number): Promise<SharedJournal[]> {
  const url = await useDatabase();
  const journals: SharedJournal[] = [];
  onTestFinished(async () => {
    for (const journal of journals) await journal.close();
  });
  for (let index = 0; index < count; index += 1) {
    const journal = await openPostgresJournal({ url });
    journals.push(journal);
    await journal.hubs.join({ name: `hub-${index}`, version: '1.0.0' });
    await journal.hubs.pulse({ kind: 'pulse', number: 1, beat: true, isStopping: false }, ['billing']);
  }
  return journals;
}

async function own({ hubs }: SharedJournal, adapter: string): Promise<void> {
  const seen = { seenOwner: undefined, seenEpoch: 0, seenBeat: undefined, seenTimeline: 1 };
  expect(await hubs.claim({ kind: 'claim', number: 2, adapter, epoch: 1, ...seen })).toBe(true);
}

it('shows each hub the others, with their versions, what they can run, and when they last beat', async () => {
  const [, second] = (await openHubs(2)) as [SharedJournal, SharedJournal];
  const known = second.hubs.known.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  expect(known).toMatchObject(['hub-0', 'hub-1'].map((name) => ({ name, version: '1.0.0', canRun: ['billing'] })));
  for (const { beatAtMs } of known) expect(Math.abs(beatAtMs - Date.now())).toBeLessThan(60_000);
});

it('takes the health of a lane from its owner alone', async () => {
  const [first, second] = (await openHubs(2)) as [SharedJournal, SharedJournal];
  await first.setReceivers(['billing', 'lab']);
  await own(first, 'billing');
  const health = (text: string) => ({ adapter: 'billing', health: new TextEncoder().encode(text) });
  await first.hubs.saveHealth([health('of the owner'), { ...health('nobody has it'), adapter: 'lab' }]);
  await second.hubs.saveHealth([health('of another hub')]);
  const [saved, ...others] = await second.hubs.readHealth();
  expect(new TextDecoder().decode(saved?.health)).toBe('of the owner');
  expect(others).toEqual([]);
});

it('reports to each hub what another recorded, once and in its order, and a place of one is a place of the other', async () => {
  const [first, second] = (await openHubs(2)) as [SharedJournal, SharedJournal];
  const session = new Session(first);
  await session.openLanes();
  const seen: RecordedDelivery[] = [];
  const isComplete = Promise.withResolvers<void>();
  second.subscribe({
    committed: ({ records }) => {
      seen.push(...records);
      if (seen.length >= 6) isComplete.resolve();
    },
    ended: isComplete.reject,
  });
  for (const id of ['a', 'b', 'c']) {
    const event = await session.acceptNew(sampleEvent(id, { key: id }));
    await session.record(retrying(event));
    await session.record(sampleRecord(event, { attempts: 2, spent: 2 }));
  }
  await isComplete.promise;
  expect(seen).toEqual(session.records);
  for (let position = 0; position <= seen.length; position += 1) {
    const after = new Map([['billing', position]]);
    const { records } = await second.readRecords({ after, limit: 10 });
    expect(records).toEqual(seen.slice(position));
  }
  expect(seen).toHaveLength(6);
});

it('knows at each hub what another accepted', async () => {
  const [first, second] = (await openHubs(2)) as [SharedJournal, SharedJournal];
  await first.setReceivers(['billing']);
  const accept = sampleAccept(sampleEvent('a'));
  expect(await first.accept(accept)).toMatchObject({ kind: 'accepted', event: { seq: 1 } });
  expect(await second.accept(accept)).toMatchObject({ kind: 'duplicate', event: { seq: 1, adapters: ['billing'] } });
  expect(await second.accept(sampleAccept(accept.event, { content: 'other' }))).toEqual({ kind: 'conflict' });
});
