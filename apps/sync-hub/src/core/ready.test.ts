import { expect, it } from 'vitest';
import { retryable, ScriptedLane } from '../../sim/scripted-lane.ts';

/** Twelve that failed once and are due, and twelve fresh ones, behind an open breaker. */
function mixedLane(): ScriptedLane {
  const seqs = Array.from({ length: 12 }, (_, index) => index + 1);
  const lane = new ScriptedLane({ runtime: { concurrency: 64 } }).arrive(...seqs.map((seq) => ({ seq })));
  for (const seq of seqs) lane.finish(seq, { ...retryable, retryAfterMs: 1_000 });
  return lane
    .breaker('open')
    .later(1_000)
    .arrive(...seqs.map((seq) => ({ seq: seq + 100 })));
}

const isFresh = (seq: number | undefined) => (seq ?? 0) > 100;

it('lets those that were never tried and those that failed take turns', () => {
  const lane = mixedLane().ready({ concurrency: 1 });
  const order = [...lane.breaker('closed').begun];
  while (order.length < 10) {
    const running = order.at(-1) ?? 0;
    order.push(...lane.end(running).begun);
    lane.recorded(running);
  }
  expect(order.map(isFresh)).toEqual([false, true, false, true, false, true, false, true, false, true]);
});

it('prefers those that were never tried for the probes of a half-open breaker, but not for ever', () => {
  const lane = mixedLane();
  const probes = Array.from({ length: 9 }, () => {
    const [seq] = lane.breaker('half_open').begun;
    lane.breaker('open').finish(seq ?? 0, { ...retryable, retryAfterMs: 60_000 });
    return isFresh(seq);
  });
  expect(probes).toEqual([false, true, true, true, true, true, true, true, false]);
});
