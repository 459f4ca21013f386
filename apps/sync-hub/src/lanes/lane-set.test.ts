import { expect, it } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import { openInlineJournal } from '../journal/sqlite/inline-journal.ts';
import { flushed } from '../journal/suite/place.fixture.ts';
import { newEvent, sampleAccept, sampleEvent } from '../journal/suite/samples.fixture.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { systemClock } from './clock.ts';
import { LaneSet } from './lane-set.ts';
import { openTestLane } from './test-lane.fixture.ts';

/** Lanes on runtimes that the test plays, and on the journal that ships. */
async function openLanes(runtimes: Readonly<Record<string, ScriptedRuntime>>) {
  const journal = openInlineJournal();
  const receivers: (readonly string[])[] = [];
  const records: RecordedDelivery[] = [];
  const opened = Object.entries(runtimes).map(([id, runtime]) => openTestLane({ id, runtime, journal }));
  const lanes = new LaneSet(await Promise.all(opened), (adapters) => receivers.push(adapters));
  journal.subscribe({
    committed(commit) {
      records.push(...commit.records);
      lanes.committed(commit);
    },
    ended(error) {
      throw error;
    },
  });
  /** To these adapters. */
  const accept = async (...adapters: readonly string[]) => {
    await journal.setReceivers(adapters);
    const event = sampleEvent(`event-${adapters.join('-')}`, { key: '' });
    return newEvent(await journal.accept(sampleAccept(event, { nowMs: systemClock.monotonicMs() })));
  };
  return { lanes, journal, receivers, records, accept };
}

it('gives an event to the lanes of its adapters and to no other', async () => {
  const runtimes = {
    billing: new ScriptedRuntime(),
    records: new ScriptedRuntime(),
    scheduling: new ScriptedRuntime(),
  };
  const { lanes, journal, accept } = await openLanes(runtimes);
  await lanes.start();
  await flushed(journal);
  await accept('billing', 'scheduling');
  expect(Object.values(runtimes).map(({ ids }) => ids.length)).toEqual([1, 0, 1]);
  await lanes.close();
});

it('lets an adapter that hangs while it starts harm no other', async () => {
  const runtimes = { billing: new ScriptedRuntime(), records: new ScriptedRuntime() };
  runtimes.billing.start = () => new Promise<RuntimeStart>(() => undefined);
  const { lanes, journal, accept } = await openLanes(runtimes);
  void lanes.start();
  await flushed(journal);
  const event = await accept('billing', 'records');
  expect(runtimes.records.ids).toEqual(['event-billing-records']);
  expect(lanes.heldBy('billing', event)).toBe('not_ready');
  expect(lanes.heldBy('records', event)).toBeUndefined();
  await lanes.close();
});

it('says of a delivery whose adapter was taken out of the configuration that nobody will attempt it', async () => {
  const { lanes } = await openLanes({});
  expect(lanes.heldBy('billing', { seq: 1, key: '' })).toBe('not_ready');
  expect(lanes.holdsKeys('billing')).toBe(false);
});

it('says which adapters receive events, whenever that changes', async () => {
  const { lanes, receivers } = await openLanes({ records: new ScriptedRuntime(), billing: new ScriptedRuntime() });
  lanes.setReceiving('billing', false);
  lanes.setReceiving('billing', true);
  lanes.remove('records');
  expect(receivers).toEqual([['billing', 'records'], ['records'], ['billing', 'records'], ['billing']]);
  expect(lanes.ids).toEqual(['billing']);
  await lanes.close();
});

it('ignores what is of adapters that have no lane', async () => {
  const runtimes = { billing: new ScriptedRuntime(), gone: new ScriptedRuntime() };
  const { lanes, journal, records, accept } = await openLanes(runtimes);
  await lanes.start();
  await flushed(journal);
  const gone = lanes.get('gone');
  lanes.remove('gone');
  await accept('billing', 'gone');
  await journal.discard({ adapter: 'gone', seq: 1, atMs: 0, nowMs: 0, reason: 'removed' });
  await flushed(journal);
  expect(records.map(({ adapter, state }) => `${adapter}: ${state}`).sort()).toEqual([
    'billing: delivered',
    'gone: discarded',
  ]);
  expect([runtimes.billing.ids.length, runtimes.gone.ids.length]).toEqual([1, 0]);
  await gone?.close();
  await lanes.close();
});

it('drains and closes all of them', async () => {
  const runtimes = { billing: new ScriptedRuntime(), records: new ScriptedRuntime() };
  const { lanes } = await openLanes(runtimes);
  await lanes.start();
  await lanes.drain(60_000);
  expect([...lanes].map((lane) => lane.health().state)).toEqual(['draining', 'draining']);
  await lanes.close();
  expect(Object.values(runtimes).map(({ isClosed }) => isClosed)).toEqual([true, true]);
});
