import { expect, it } from 'vitest';
import type { Clock } from './clock.ts';
import { LaneTimer } from './lane-timer.ts';

/** A clock that fires when the test says so. */
function createClock() {
  const timers: { delayMs: number; ring: () => void }[] = [];
  const clock: Clock = {
    monotonicMs: () => 1_000,
    wallMs: () => 0,
    startTimer(delayMs, ring) {
      const timer = { delayMs, ring };
      timers.push(timer);
      return () => timers.splice(timers.indexOf(timer), 1);
    },
  };
  const ring = () => timers.shift()?.ring();
  return { clock, ring, delays: () => timers.map(({ delayMs }) => delayMs) };
}

it('keeps one timer, for the earliest time that it was asked for', () => {
  const { clock, delays } = createClock();
  const alarm = new LaneTimer(clock, () => undefined);
  alarm.scheduleBy(Number.POSITIVE_INFINITY);
  expect(delays()).toEqual([]);
  alarm.scheduleBy(1_500);
  alarm.scheduleBy(1_900);
  expect(delays()).toEqual([500]);
  alarm.scheduleBy(1_100);
  expect(delays()).toEqual([100]);
});

it('can be set again while it rings, also for the same time', () => {
  const { clock, ring, delays } = createClock();
  let rings = 0;
  const alarm: LaneTimer = new LaneTimer(clock, () => {
    rings += 1;
    alarm.scheduleBy(1_500);
  });
  alarm.scheduleBy(1_500);
  ring();
  expect([rings, delays()]).toEqual([1, [500]]);
});

it('treats a time that has passed as now', () => {
  const { clock, delays } = createClock();
  new LaneTimer(clock, () => undefined).scheduleBy(400);
  expect(delays()).toEqual([-600]);
});

it('is silent once it was stopped', () => {
  const { clock, delays } = createClock();
  const alarm = new LaneTimer(clock, () => undefined);
  alarm.scheduleBy(1_500);
  alarm.stop();
  alarm.scheduleBy(1_100);
  expect(delays()).toEqual([]);
});
