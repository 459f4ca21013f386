import { expect, it, vi } from 'vitest';
import type { PruneRequest, PruneResult } from '../journal/journal.ts';
import { JournalError } from '../journal/journal-error.ts';
import { ManualClock } from './manual-clock.fixture.ts';
import { Retention } from './retention.ts';

const DAY_MS = 86_400_000;

/** A journal whose steps take 10 ms and give this many results. */
function open(results: readonly PruneResult[]) {
  const clock = new ManualClock();
  const steps: { readonly atMs: number; readonly request: PruneRequest }[] = [];
  const rounds: unknown[] = [];
  const prune = vi.fn(async (request: PruneRequest): Promise<PruneResult> => {
    steps.push({ atMs: clock.monotonicMs(), request });
    await new Promise<void>((resolve) => clock.startTimer(10, resolve));
    return results[steps.length - 1] ?? { events: 0, records: 0, next: undefined };
  });
  const retention = new Retention({
    journal: { prune },
    clock,
    settledMs: 7 * DAY_MS,
    onRound: (sum) => rounds.push(sum),
  });
  retention.start();
  return { clock, retention, steps, rounds, prune };
}

it('goes over the journal once an hour in small steps, and leaves it to others for most of the time', async () => {
  const { clock, steps, rounds } = open([
    { events: 256, records: 300, next: 256 },
    { events: 200, records: 200, next: 512 },
    { events: 1, records: 1, next: undefined },
  ]);
  const startMs = clock.wallMs();
  await clock.pass(70_000);
  expect(steps.map(({ request: { settledBeforeMs: _, ...request } }) => request)).toEqual([
    { maxEvents: 256, maxRecords: 2048 },
    { maxEvents: 256, maxRecords: 2048, afterSeq: 256 },
    { maxEvents: 256, maxRecords: 2048, afterSeq: 512 },
  ]);
  expect(steps.map(({ atMs }) => atMs - (steps[0]?.atMs ?? 0))).toEqual([0, 50, 100]);
  expect(new Set(steps.map(({ request }) => request.settledBeforeMs))).toEqual(
    new Set([startMs + 60_000 - 7 * DAY_MS]),
  );
  expect(rounds).toEqual([{ events: 457, records: 501 }]);
  await clock.pass(3_600_000);
  expect(steps).toHaveLength(4);
  expect(steps[3]?.request).toEqual({
    maxEvents: 256,
    maxRecords: 2048,
    settledBeforeMs: startMs + (steps[3]?.atMs ?? 0) - 7 * DAY_MS,
  });
  expect(rounds).toHaveLength(1);
});

it('deletes nothing early because of a clock that jumps ahead', async () => {
  const { clock, steps } = open([]);
  const startMs = clock.wallMs();
  clock.jump(365 * DAY_MS);
  await clock.pass(61_000);
  expect(steps[0]?.request.settledBeforeMs).toBe(startMs + 60_000 - 7 * DAY_MS);
});

it('keeps more while the clock is behind', async () => {
  const { clock, steps } = open([]);
  const startMs = clock.wallMs();
  clock.jump(-2 * DAY_MS);
  await clock.pass(61_000);
  expect(steps[0]?.request.settledBeforeMs).toBe(startMs + 60_000 - 9 * DAY_MS);
});

it('stops after the step that it takes', async () => {
  const { clock, retention, steps } = open([{ events: 1, records: 1, next: 1 }]);
  await clock.pass(60_005);
  const stopped = retention.stop();
  await clock.pass(10_000_000);
  await stopped;
  expect(steps).toHaveLength(1);
});

it('ends with a journal that has ended', async () => {
  const { clock, prune } = open([]);
  prune.mockRejectedValueOnce(new JournalError('CLOSED', 'it was closed before'));
  await clock.pass(10_000_000);
  expect(prune).toHaveBeenCalledTimes(1);
});
