import { afterEach, expect, it, vi } from 'vitest';
import { systemClock } from './clock.ts';

afterEach(() => {
  vi.useRealTimers();
});

it('does not ring at once for a delay that setTimeout cannot hold', () => {
  vi.useFakeTimers();
  const ring = vi.fn();
  systemClock.startTimer(30 * 86_400_000, ring);
  vi.advanceTimersByTime(24 * 86_400_000);
  expect(ring).not.toHaveBeenCalled();
});

it('rings once, not before the delay, and at once when the time has passed', () => {
  vi.useFakeTimers();
  const ring = vi.fn();
  systemClock.startTimer(10.2, ring);
  systemClock.startTimer(-5, ring);
  vi.advanceTimersByTime(1);
  expect(ring).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(9);
  expect(ring).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1_000);
  expect(ring).toHaveBeenCalledTimes(2);
});

it('does not ring when that was taken back', () => {
  vi.useFakeTimers();
  const ring = vi.fn();
  systemClock.startTimer(10, ring)();
  vi.advanceTimersByTime(1_000);
  expect(ring).not.toHaveBeenCalled();
});

it('has a monotonic time that the wall clock does not move', () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const beforeMs = systemClock.monotonicMs();
  vi.setSystemTime(0);
  expect(systemClock.wallMs()).toBe(0);
  expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(beforeMs);
});
