import { array, assert, constantFrom, integer, property, record } from 'fast-check';
import { expect, it } from 'vitest';
import { ScriptedLane } from './scripted-lane.fixture.ts';

const attempts = array(record({ timeoutMs: constantFrom(10, 70, 300), waitMs: integer({ min: 0, max: 40 }) }), {
  minLength: 1,
  maxLength: 30,
});

it('ends each attempt at its own deadline, whatever time versions of the adapter give', () => {
  assert(
    property(attempts, (starts) => {
      const lane = new ScriptedLane({ runtime: { concurrency: 64 } });
      const deadlines = starts.map(({ timeoutMs, waitMs }, index) => {
        lane.ready({ concurrency: 64, attemptTimeoutMs: timeoutMs });
        lane.nowMs += waitMs;
        lane.arrive({ seq: index + 1 });
        return { seq: index + 1, atMs: lane.nowMs + timeoutMs };
      });
      const running = lane.state.running;
      const inOrder = deadlines.toSorted((left, right) => left.atMs - right.atMs);
      expect(running.earliestDeadlineMs).toBe(inOrder[0]?.atMs);
      // Those that passed meanwhile end with the next ring.
      const ended = inOrder.map(({ atMs }) => {
        lane.nowMs = Math.max(lane.nowMs, atMs);
        return lane.later(0).effects.filter(({ kind }) => kind === 'abort').length;
      });
      expect(ended.reduce((sum, count) => sum + count, 0)).toBe(starts.length);
      expect(running.size).toBe(0);
    }),
  );
});
