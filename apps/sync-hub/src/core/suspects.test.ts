import { describe, expect, it } from 'vitest';
import { crashed, retryable, ScriptedLane } from './scripted-lane.fixture.ts';

const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 2 } };
const ofThree = { ...crashed, suspects: 3 };

/** Three ran when the adapter broke. */
function brokenLane(): ScriptedLane {
  const lane = new ScriptedLane({ rules }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
  for (const seq of [1, 2, 3]) lane.end(seq, ofThree);
  return lane;
}

describe('deliveries that ran when the adapter broke', () => {
  it('are not counted: nobody knows whose fault it was', () => {
    const lane = brokenLane();
    expect(lane.records).toMatchObject([{ state: 'retrying', counts: { attempts: 1, spent: 0, crashes: 0 } }]);
  });

  it('go alone until an attempt of each did not end so', () => {
    const lane = brokenLane().recorded(1).recorded(2).recorded(3).later(1).arrive({ seq: 4 });
    const order: number[] = [];
    while (lane.state.running.size > 0) {
      expect(lane.state.running.size).toBe(1);
      const [seq = Number.NaN] = lane.running;
      order.push(seq);
      lane.finish(seq);
    }
    expect(order.slice(0, 3).toSorted()).toEqual([1, 2, 3]);
    expect(order[3]).toBe(4);
  });

  it('are counted when they broke it alone, and only they are quarantined', () => {
    const lane = new ScriptedLane({ rules: { ...rules, maxCrashes: 2 } }).arrive({ seq: 1 }, { seq: 2 });
    const both = { ...crashed, suspects: 2 };
    lane.finish(1, both).finish(2, both).later(1);
    const poison = 1;
    const states: string[] = [];
    for (let round = 0; round < 10; round += 1) {
      for (const seq of lane.running) {
        lane.end(seq, seq === poison ? crashed : { kind: 'delivered', receipt: '' });
        states.push(...lane.records.map((record) => `${record.event.seq}: ${record.state}`));
        lane.recorded(seq);
      }
      lane.later(1);
    }
    expect(states.toSorted()).toEqual(['1: dead_lettered', '1: retrying', '2: delivered']);
  });

  it('wait until what runs has ended, and nothing new begins before them', () => {
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1 }, { seq: 2 }).finish(1, { ...crashed, suspects: 2 });
    expect(lane.later(1).arrive({ seq: 3 }).begun).toEqual([]);
    expect(lane.end(2, retryable).begun).toEqual([1]);
    expect(lane.recorded(2).later(1).begun).toEqual([]);
    expect(lane.end(1).begun.toSorted()).toEqual([2, 3]);
  });
});
