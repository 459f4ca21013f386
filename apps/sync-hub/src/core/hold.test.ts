import { describe, expect, it } from 'vitest';
import { delivered, retryable, ScriptedLane } from '../../sim/scripted-lane.ts';

const key = 'process-7';
const permanent = { kind: 'permanent', failure: retryable.failure } as const;
const rules = { onDeadLetter: 'hold' } as const;

/** A dead letter of the key, two behind it, and one of another key. */
function heldLane(): ScriptedLane {
  const lane = new ScriptedLane({ rules });
  lane.arrive({ seq: 1, key }, { seq: 2, key }, { seq: 3, key }, { seq: 4, key: 'another' });
  return lane.finish(1, permanent);
}

describe('a key after a dead letter', () => {
  it('goes on when nobody said otherwise', () => {
    const lane = new ScriptedLane().arrive({ seq: 1, key }, { seq: 2, key });
    expect(lane.finish(1, permanent).begun).toEqual([2]);
  });

  it('waits under hold, says so, and keeps no room in memory', () => {
    const lane = heldLane();
    expect(lane.begun).toEqual([]);
    expect(lane.held).toEqual(['2: key', '3: key']);
    expect([...lane.state.deliveries.keys()]).toEqual([4]);
    lane.arrive({ seq: 5, key }, { seq: 6 });
    expect([lane.begun, lane.held]).toEqual([[6], ['5: key']]);
  });

  it('goes on in order once the dead letter was replayed and delivered', () => {
    const lane = heldLane();
    expect(lane.reopen({ seq: 1, key }).begun).toEqual([1]);
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', key, upToSeq: 4 }, afterSeq: 1 }]);
    lane.fetched(
      [
        { seq: 2, key },
        { seq: 3, key },
      ],
      { scannedToSeq: 4 },
    );
    expect(lane.finish(1).begun).toEqual([2]);
    expect(lane.finish(2).begun).toEqual([3]);
  });

  it('waits still when the replay ended in a dead letter too', () => {
    const lane = heldLane().reopen({ seq: 1, key });
    lane.fetched(
      [
        { seq: 2, key },
        { seq: 3, key },
      ],
      { scannedToSeq: 4 },
    );
    expect(lane.finish(1, permanent).begun).toEqual([]);
    expect([...lane.state.deliveries.keys()]).toEqual([4]);
  });

  it('goes on once the dead letter was discarded', () => {
    const lane = heldLane().take({ kind: 'dead_letter_discarded', seq: 1 });
    expect(
      lane.fetched(
        [
          { seq: 2, key },
          { seq: 3, key },
        ],
        { scannedToSeq: 4 },
      ).begun,
    ).toEqual([2]);
  });

  it('waits for each of its dead letters in turn', () => {
    const deadLetters = [
      { key, seq: 1 },
      { key, seq: 3 },
    ];
    const lane = new ScriptedLane({ rules, deadLetters, newestSeq: 5 });
    lane.fetched([{ seq: 2, key }, { seq: 4, key }, { seq: 5 }], { scannedToSeq: 5 });
    expect([lane.begun, lane.held]).toEqual([[5], ['2: key', '4: key']]);
    expect(lane.reopen({ seq: 3, key }).begun).toEqual([]);
    lane.take({ kind: 'dead_letter_discarded', seq: 1 });
    expect(lane.fetches).toMatchObject([{ of: { kind: 'overflow', upToSeq: 5 }, afterSeq: 1 }]);
    lane.fetched(
      [
        { seq: 2, key },
        { seq: 3, key },
        { seq: 4, key },
      ],
      { scannedToSeq: 5 },
    );
    expect(lane.begun).toEqual([2]);
  });

  it('is held over a restart by what the journal has of it', () => {
    const lane = new ScriptedLane({ rules, deadLetters: [{ key, seq: 1 }] }).arrive({ seq: 2, key }, { seq: 3 });
    expect(lane.begun).toEqual([3]);
    expect(new ScriptedLane({ deadLetters: [{ key, seq: 1 }] }).arrive({ seq: 2, key }).begun).toEqual([2]);
  });

  it('is nobody: events without a key are never held', () => {
    const lane = new ScriptedLane({ rules }).arrive({ seq: 1 }).finish(1, permanent);
    expect(lane.arrive({ seq: 2 }).begun).toEqual([2]);
    expect(lane.state.heldKeys.holds({ key: '', seq: 2 })).toBe(false);
  });

  it('is free when its dead letter was discarded while the code of its attempt still ran', () => {
    const lane = new ScriptedLane({ rules: { ...rules, retry: { baseMs: 1, capMs: 1, maxAttempts: 1 } } });
    lane.arrive({ seq: 1, key }, { seq: 2, key }).later(10_000).recorded(1);
    expect(lane.take({ kind: 'dead_letter_discarded', seq: 1 }).begun).toEqual([]);
    expect(lane.end(1, delivered).begun).toEqual([2]);
  });
});
