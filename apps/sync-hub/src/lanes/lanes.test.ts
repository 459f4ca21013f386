import { expect, it } from 'vitest';
import { openDelivery } from '../../sim/scripted-lane.ts';
import type { DeliveryRecord } from '../core/delivery.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import { Lanes } from './lanes.ts';
import { createTestLane } from './test-lane.suite.ts';

/** Lanes on runtimes that the test plays; what they record is kept and never reaches a disk. */
function createLanes(runtimes: Readonly<Record<string, ScriptedRuntime>>) {
  const records: DeliveryRecord[] = [];
  const journal = {
    fetchOpen: async () => ({ deliveries: [], scannedToSeq: 0 }),
    record: (record: DeliveryRecord) => records.push(record),
    saveBreaker: () => undefined,
  };
  const lanes = Object.entries(runtimes).map(([id, runtime]) => createTestLane({ id, runtime, journal }));
  return { lanes: new Lanes(lanes), records };
}

const eventFor = (...adapters: readonly string[]) => ({ ...openDelivery({ seq: 1 }).event, adapters });

it('gives an event to the lanes of its adapters and to no other', async () => {
  const runtimes = {
    billing: new ScriptedRuntime(),
    records: new ScriptedRuntime(),
    scheduling: new ScriptedRuntime(),
  };
  const { lanes } = createLanes(runtimes);
  await lanes.start();
  lanes.accepted([eventFor('billing', 'scheduling')]);
  expect(Object.values(runtimes).map(({ ids }) => ids.length)).toEqual([1, 0, 1]);
  await lanes.close();
});

it('lets an adapter that hangs while it starts harm no other', async () => {
  const runtimes = { billing: new ScriptedRuntime(), records: new ScriptedRuntime() };
  runtimes.billing.start = () => new Promise<RuntimeStart>(() => undefined);
  const { lanes } = createLanes(runtimes);
  void lanes.start();
  await new Promise(setImmediate);
  lanes.accepted([eventFor('billing', 'records')]);
  expect(runtimes.records.ids).toEqual(['event-1']);
  expect(lanes.heldBy('billing', { seq: 1, key: '' })).toBe('not_ready');
  expect(lanes.heldBy('records', { seq: 1, key: '' })).toBeUndefined();
  await lanes.close();
});

it('says of a delivery whose adapter was taken out of the configuration that nobody will attempt it', () => {
  expect(createLanes({}).lanes.heldBy('billing', { seq: 1, key: '' })).toBe('not_ready');
});

it('ignores records of adapters that have no lane', async () => {
  const runtimes = { billing: new ScriptedRuntime() };
  const { lanes, records } = createLanes(runtimes);
  await lanes.start();
  lanes.accepted([eventFor('billing')]);
  await new Promise(setImmediate);
  const [record] = records;
  if (record === undefined) throw new Error('the attempt was not recorded');
  lanes.recorded([
    { ...record, adapter: 'gone', cursor: 1 },
    { ...record, cursor: 2 },
  ]);
  expect([...lanes].map((lane) => lane.health().waiting)).toEqual([0]);
  await lanes.close();
});

it('drains and closes all of them', async () => {
  const runtimes = { billing: new ScriptedRuntime(), records: new ScriptedRuntime() };
  const { lanes } = createLanes(runtimes);
  await lanes.start();
  await lanes.drain(60_000);
  expect([...lanes].map((lane) => lane.health().state)).toEqual(['draining', 'draining']);
  await lanes.close();
  expect(Object.values(runtimes).map(({ isClosed }) => isClosed)).toEqual([true, true]);
});
