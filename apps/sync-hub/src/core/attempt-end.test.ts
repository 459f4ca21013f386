import { describe, expect, it } from 'vitest';
import { ScriptedLane } from './scripted-lane.fixture.ts';

const key = 'process-7';

/** Two deliveries of a key; the first has run out of time. */
function overdueLane(): ScriptedLane {
  return new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).later(10_000);
}

describe('an attempt that runs out of time', () => {
  it('is recorded as timed out and asked to end', () => {
    const lane = new ScriptedLane().arrive({ seq: 1 });
    expect(lane.later(9_999).effects).toEqual([]);
    lane.later(1);
    expect(lane.effects).toMatchObject([
      { kind: 'record', state: 'retrying', attempt: { durationMs: 10_000, outcome: { kind: 'timed_out' } } },
      { kind: 'abort', seq: 1 },
    ]);
  });

  it('keeps its key until its code has returned, though it is recorded', () => {
    const lane = overdueLane().recorded(1).later(300_000);
    expect(lane.begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([1]);
  });

  it('keeps its key until it is recorded, though its code has returned', () => {
    const lane = overdueLane().end(1);
    expect(lane.later(300_000).begun).toEqual([]);
    expect(lane.recorded(1).begun).toEqual([1]);
  });

  it('leaves its key to one that is skipped, when the adapter became one that does not accept it', () => {
    const lane = overdueLane().recorded(1).later(300_000);
    lane.ready({ accepts: new Set(['Other']) });
    expect(lane.end(1).records).toMatchObject([{ state: 'skipped', event: { seq: 1 } }]);
    expect(lane.begun).toEqual([]);
  });

  it('is ignored, whatever its code returns', () => {
    const lane = overdueLane().recorded(1).end(1);
    expect(lane.records).toEqual([]);
    expect(lane.later(500).attempts).toMatchObject([{ event: { seq: 1 }, number: 2 }]);
  });

  it('leaves its key to the next when it was its last, once it is recorded and has returned', () => {
    const rules = { retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } };
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1, key }, { seq: 2, key }).later(10_000);
    expect(lane.records).toMatchObject([{ state: 'dead_lettered' }]);
    expect(lane.recorded(1).begun).toEqual([]);
    expect(lane.end(1).begun).toEqual([2]);
  });

  it('lets nothing new begin before the breaker can know of it', () => {
    const lane = new ScriptedLane({ runtime: { concurrency: 2 } }).arrive({ seq: 1 }, { seq: 2 }, { seq: 3 });
    expect(lane.later(10_000).begun).toEqual([]);
    expect(lane.breaker('open').recorded(1).begun).toEqual([]);
  });
});

it('was not an attempt when no adapter code ran: nothing is recorded or counted, and it goes a little later', () => {
  const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key }).end(1, { kind: 'not_run' });
  expect(lane.records).toEqual([]);
  expect(lane.begun).toEqual([]);
  lane.later(500);
  expect(lane.effects).toMatchObject([{ kind: 'attempt', event: { seq: 1 }, number: 1, redelivered: false }]);
  expect(lane.state.deliveries.get(1)?.counts).toEqual({ cycle: 1, attempts: 0, spent: 0, crashes: 0 });
});

it('rejects an attempt that does not run', () => {
  expect(() => new ScriptedLane().end(1)).toThrow('an attempt ended that does not run: seq 1');
});

it('is not ended by a record that the lane did not ask for', () => {
  const lane = new ScriptedLane().arrive({ seq: 1 });
  expect(lane.commit({ recorded: [1, 7] }).running).toEqual([1]);
});
