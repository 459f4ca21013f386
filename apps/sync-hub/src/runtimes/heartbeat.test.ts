import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { startHeartbeat } from './heartbeat.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
});
afterEach(() => {
  vi.useRealTimers();
});

it('calls a process silent that did not answer for five asks, once', async () => {
  const onSilent = vi.fn();
  startHeartbeat({ beat: () => new Promise(() => {}), onSilent, intervalMs: 1_000 });
  await vi.advanceTimersByTimeAsync(5_999);
  expect(onSilent).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(20_000);
  expect(onSilent).toHaveBeenCalledExactlyOnceWith(5_000);
});

it('asks again when a call broke, and counts it', async () => {
  const onSilent = vi.fn();
  const beat = vi.fn(() => Promise.reject(new Error('reset')));
  startHeartbeat({ beat, onSilent, intervalMs: 1_000 });
  await vi.advanceTimersByTimeAsync(3_999);
  beat.mockResolvedValueOnce(undefined as never);
  await vi.advanceTimersByTimeAsync(5_999);
  expect(onSilent).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(onSilent).toHaveBeenCalledExactlyOnceWith(5_000);
});

it('forgets the silence with the first answer', async () => {
  const onSilent = vi.fn();
  let answer = () => {};
  const beat = () => new Promise<void>((resolve) => (answer = resolve));
  const stop = startHeartbeat({ beat, onSilent, intervalMs: 1_000 });
  for (let round = 0; round < 5; round += 1) {
    await vi.advanceTimersByTimeAsync(5_000);
    answer();
  }
  expect(onSilent).not.toHaveBeenCalled();
  stop();
});
