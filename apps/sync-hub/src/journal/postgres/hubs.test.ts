import { useDatabase } from '@hms-sync/testing/postgres';
import { expect, it, onTestFinished } from 'vitest';
import type { SharedJournal } from '../shared-journal.ts';
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
