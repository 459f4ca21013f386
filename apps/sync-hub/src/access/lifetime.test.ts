import { expect, it, onTestFinished, vi } from 'vitest';
import { Lifetime } from './lifetime.ts';

const DAY_MS = 86_400_000;

it('ends those that wait, after a time of any length, the earliest that was said', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const lifetime = new Lifetime();
  const ended = vi.fn();
  const left = vi.fn();
  lifetime.onEnd(ended);
  lifetime.endAfter(365 * DAY_MS);
  lifetime.endAfter(40 * DAY_MS);
  lifetime.onEnd(left)();
  vi.advanceTimersByTime(40 * DAY_MS - 1);
  expect(ended).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(ended).toHaveBeenCalledOnce();
  expect(left).not.toHaveBeenCalled();
  expect(lifetime.isOver).toBe(true);
});

it('needs no timer while nobody waits, and is over all the same', () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const lifetime = new Lifetime();
  lifetime.endAfter(DAY_MS);
  lifetime.onEnd(() => undefined)();
  expect(vi.getTimerCount()).toBe(0);
  vi.advanceTimersByTime(DAY_MS);
  const ended = vi.fn();
  lifetime.onEnd(ended);
  expect(ended).toHaveBeenCalledOnce();
});

it('ends with the one that it is within, which has no trace of those that nobody waits for', () => {
  const outer = new Lifetime();
  const [waiting, left, unused] = [new Lifetime(outer), new Lifetime(outer), new Lifetime(outer)];
  const ended = vi.fn();
  const neverCalled = vi.fn();
  waiting.onEnd(ended);
  left.onEnd(neverCalled)();
  outer.end();
  expect(ended).toHaveBeenCalledOnce();
  expect(neverCalled).not.toHaveBeenCalled();
  expect([waiting, left, unused].every(({ isOver }) => isOver)).toBe(true);
});

it('that ends leaves the one that it is within as it is', () => {
  const outer = new Lifetime();
  const inner = new Lifetime(outer);
  const ended = vi.fn();
  inner.onEnd(ended);
  inner.end();
  outer.end();
  expect(ended).toHaveBeenCalledOnce();
});
