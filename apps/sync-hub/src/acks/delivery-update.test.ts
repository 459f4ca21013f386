import { expect, it } from 'vitest';
import type { RecordedState } from '../core/delivery.ts';
import { recordAt } from '../journal/suite/samples.fixture.ts';
import { type DeliveryUpdate, isTerminal, Progress } from './delivery-update.ts';

const update = (state: RecordedState, adapter = 'billing'): DeliveryUpdate => ({
  kind: 'recorded',
  record: recordAt(1, { state, adapter }),
});
const held: DeliveryUpdate = {
  kind: 'held',
  held: {
    adapter: 'billing',
    seq: 1,
    eventId: 'e1',
    source: '',
    heldBy: 'key',
    atMs: 0,
    cycle: 1,
    attempts: 0,
    spent: 0,
    crashes: 0,
  },
};

it('is done when every adapter has settled', () => {
  const progress = new Progress(['billing', 'records'], 'settled');
  for (const one of [held, update('retrying'), update('delivered')]) progress.apply(one);
  expect([progress.isDone, progress.isPending('billing'), progress.isPending('records')]).toEqual([false, false, true]);
  progress.apply(update('dead_lettered', 'records'));
  expect(progress.isDone).toBe(true);
});

it('is done after the first attempt of each, however it went', () => {
  const progress = new Progress(['billing'], 'first_attempt');
  progress.apply(held);
  expect(progress.isDone).toBe(false);
  progress.apply(update('retrying'));
  expect(progress.isDone).toBe(true);
});

it('is done at once for one who waits for acceptance only, or when there is no adapter', () => {
  expect(new Progress(['billing'], 'accepted').isDone).toBe(true);
  expect(new Progress([], 'settled').isDone).toBe(true);
});

it('knows the last update of a cycle', () => {
  const states: readonly RecordedState[] = ['retrying', 'delivered', 'skipped', 'dead_lettered', 'discarded'];
  expect(states.map((state) => isTerminal(update(state)))).toEqual([false, true, true, true, true]);
  expect(isTerminal(held)).toBe(false);
});
