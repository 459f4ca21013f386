import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { IdleGc, processMemory } from './idle-gc.ts';

const MIB = 1024 * 1024;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

function keep(start: { residentMb: number; busyShare: number; leavesMb: number; pauseMs?: number }) {
  const now = { pauseMs: 80, ...start, collections: 0 };
  const keeper = new IdleGc({
    residentBytes: () => now.residentMb * MIB,
    busyShare: () => now.busyShare,
    collect() {
      now.collections += 1;
      now.residentMb = now.leavesMb;
      return now.pauseMs;
    },
  });
  return { now, keeper };
}

it('gives memory back once the hub has been calm for a while, and once only', () => {
  const { now, keeper } = keep({ residentMb: 500, busyShare: 0.9, leavesMb: 180 });
  vi.advanceTimersByTime(60_000);
  expect(now.collections).toBe(0);
  now.busyShare = 0.1;
  vi.advanceTimersByTime(2_000);
  expect(now.collections).toBe(0);
  vi.advanceTimersByTime(2_000);
  expect(now.collections).toBe(1);
  vi.advanceTimersByTime(600_000);
  expect(now.collections).toBe(1);
  keeper.stop();
});

it('does so again after the next burst', () => {
  const { now, keeper } = keep({ residentMb: 500, busyShare: 0.1, leavesMb: 180 });
  vi.advanceTimersByTime(10_000);
  now.residentMb = 250;
  vi.advanceTimersByTime(10_000);
  expect(now.collections).toBe(2);
  keeper.stop();
});

it('leaves a process alone that needs what it has', () => {
  const { now, keeper } = keep({ residentMb: 700, busyShare: 0.1, leavesMb: 690 });
  vi.advanceTimersByTime(600_000);
  now.residentMb = 750;
  vi.advanceTimersByTime(600_000);
  expect(now.collections).toBe(1);
  now.residentMb = 755;
  vi.advanceTimersByTime(10_000);
  expect(now.collections).toBe(2);
  keeper.stop();
});

it('rests for an hour after a collection that took long', () => {
  const { now, keeper } = keep({ residentMb: 900, busyShare: 0.1, leavesMb: 700, pauseMs: 900 });
  vi.advanceTimersByTime(10_000);
  now.residentMb = 900;
  vi.advanceTimersByTime(3_500_000);
  expect(now.collections).toBe(1);
  vi.advanceTimersByTime(120_000);
  expect(now.collections).toBe(2);
  keeper.stop();
});

it('leaves a small process alone', () => {
  const { now, keeper } = keep({ residentMb: 200, busyShare: 0, leavesMb: 100 });
  vi.advanceTimersByTime(600_000);
  expect(now.collections).toBe(0);
  keeper.stop();
});

it('collects what this process no longer uses', async () => {
  const memory = processMemory();
  const garbage = makeGarbage();
  // What a weak reference was made for or asked about lives until the turn ends.
  await new Promise(setImmediate);
  memory.collect();
  expect(garbage.deref()).toBeUndefined();
  expect(memory.residentBytes()).toBeGreaterThan(10 * MIB);
  expect(memory.busyShare()).toBeLessThanOrEqual(1);
});

it('goes on when the system does not say what the process has, as with no file left to open', () => {
  vi.spyOn(process.memoryUsage, 'rss').mockImplementation(() => {
    throw Object.assign(new Error('EMFILE: too many open files'), { code: 'EMFILE' });
  });
  const memory = { ...processMemory(), busyShare: () => 0 };
  const keeper = new IdleGc(memory);
  vi.advanceTimersByTime(60_000);
  expect(memory.residentBytes()).toBeUndefined();
  keeper.stop();
});

function makeGarbage(): WeakRef<object> {
  return new WeakRef({ of: 'nobody' });
}
