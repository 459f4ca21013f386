import { expect, it } from 'vitest';
import type { RecordedState } from '../core/delivery.ts';
import { sampleRecord } from '../journal/suite/samples.suite.ts';
import { Progress } from './progress.ts';
import { isTerminal, type Tell } from './tell.ts';

const tell = (state: RecordedState, adapter = 'billing'): Tell => ({
  kind: 'recorded',
  record: { ...sampleRecord({ seq: 1, id: 'e1' }, { state, adapter }), cursor: 1 },
});
const held: Tell = {
  kind: 'held',
  held: {
    adapter: 'billing',
    seq: 1,
    eventId: 'e1',
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
  for (const one of [held, tell('retrying'), tell('delivered')]) progress.take(one);
  expect([progress.isDone, progress.isPending('billing'), progress.isPending('records')]).toEqual([false, false, true]);
  progress.take(tell('dead_lettered', 'records'));
  expect(progress.isDone).toBe(true);
});

it('is done after the first attempt of each, however it went', () => {
  const progress = new Progress(['billing'], 'first_attempt');
  progress.take(held);
  expect(progress.isDone).toBe(false);
  progress.take(tell('retrying'));
  expect(progress.isDone).toBe(true);
});

it('is done at once for one who waits for acceptance only, or when there is no adapter', () => {
  expect(new Progress(['billing'], 'accepted').isDone).toBe(true);
  expect(new Progress([], 'settled').isDone).toBe(true);
});

it('knows the last tell of a cycle', () => {
  const states: readonly RecordedState[] = ['retrying', 'delivered', 'skipped', 'dead_lettered', 'discarded'];
  expect(states.map((state) => isTerminal(tell(state)))).toEqual([false, true, true, true, true]);
  expect(isTerminal(held)).toBe(false);
});
