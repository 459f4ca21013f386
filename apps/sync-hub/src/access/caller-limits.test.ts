import { describe, expect, it } from 'vitest';
import { CALLS_OF_CALLER, CallerLimits, type CallerThrottled } from './caller-limits.ts';
import { ANONYMOUS_PRINCIPAL, OPEN_PRINCIPAL, type Principal, SOCKET_PRINCIPAL } from './principal.ts';

const HOUR_MS = 3_600_000;
const hmsApi: Principal = { ...ANONYMOUS_PRINCIPAL, kind: 'token', name: 'hms-api', role: 'publisher' };
const clinic: Principal = { ...hmsApi, name: 'clinic' };

/** Limits at a time that the test sets. */
function limitsOf(bounds: { eventsPerSecond?: number; bytesPerDay?: number }) {
  const clock = { nowMs: 1_000 * HOUR_MS };
  const { eventsPerSecond, bytesPerDay } = bounds;
  const limits = new CallerLimits({ eventsPerSecond, bytesPerDay, calls: CALLS_OF_CALLER }, () => clock.nowMs);
  return { limits, clock };
}

/** Why and for how long the caller may not publish; undefined when it may. */
function throttledOf(limits: CallerLimits, caller: Principal) {
  try {
    limits.publish(caller);
    return undefined;
  } catch (error) {
    const { message, retryAfterMs } = error as CallerThrottled;
    return { message, retryAfterMs };
  }
}

const bytes = (size: number) => ({ data: new Uint8Array(size - 2), attributes: {} });
const MIB = 2 ** 20;

describe('events in a second', () => {
  it('are as many as are set, for each caller, and more when time goes by', () => {
    const { limits, clock } = limitsOf({ eventsPerSecond: 4 });
    for (let event = 0; event < 4; event++) expect(throttledOf(limits, hmsApi)).toBeUndefined();
    const message = 'hms-api publishes more than 4 events a second';
    expect(throttledOf(limits, hmsApi)).toEqual({ message, retryAfterMs: 250 });
    expect(throttledOf(limits, clinic)).toBeUndefined();
    clock.nowMs += 250;
    expect(throttledOf(limits, hmsApi)).toBeUndefined();
    expect(throttledOf(limits, hmsApi)).toMatchObject({ retryAfterMs: 250 });
  });
});

describe('refusals of a caller over its limit', () => {
  const heldMs = (limits: CallerLimits, caller: Principal) => {
    try {
      limits.publish(caller);
      return undefined;
    } catch (error) {
      return (error as CallerThrottled).heldMs;
    }
  };

  it('are sent once in 10 ms, each within a second, and do not delay another caller', () => {
    const { limits, clock } = limitsOf({ eventsPerSecond: 1 });
    limits.publish(hmsApi);
    expect([1, 2, 3].map(() => heldMs(limits, hmsApi))).toEqual([10, 20, 30]);
    clock.nowMs += 25;
    expect(heldMs(limits, hmsApi)).toBe(15);
    for (let event = 0; event < 200; event++) heldMs(limits, hmsApi);
    expect(heldMs(limits, hmsApi)).toBe(1_000);
    limits.publish(clinic);
    expect(heldMs(limits, clinic)).toBe(10);
    clock.nowMs += 975;
    expect(heldMs(limits, hmsApi)).toBeUndefined();
    expect(heldMs(limits, hmsApi)).toBe(35);
  });
});

describe('bytes in a day', () => {
  it('end when they are reached, for that caller alone, and say until when', () => {
    const { limits, clock } = limitsOf({ bytesPerDay: MIB });
    limits.accepted(hmsApi, bytes(MIB - 1));
    expect(throttledOf(limits, hmsApi)).toBeUndefined();
    limits.accepted(hmsApi, bytes(1 + 2));
    clock.nowMs += HOUR_MS / 2;
    const message =
      'hms-api published 1 MiB of events within a day, its limit (limits.perCaller.bytesPerDay of the hub)';
    expect(throttledOf(limits, hmsApi)).toEqual({ message, retryAfterMs: 24.5 * HOUR_MS });
    expect(throttledOf(limits, clinic)).toBeUndefined();
  });

  it('are free again once enough of them are a day old, and no sooner', () => {
    const { limits, clock } = limitsOf({ bytesPerDay: 10 * MIB });
    const [startMs, lastMs] = [clock.nowMs, HOUR_MS - 1];
    limits.accepted(hmsApi, bytes(MIB));
    clock.nowMs = startMs + lastMs;
    limits.accepted(hmsApi, bytes(MIB));
    clock.nowMs = startMs + 5 * HOUR_MS;
    limits.accepted(hmsApi, bytes(9 * MIB));
    // The first hour alone is not enough: 9 MiB are left, and 2 more come.
    limits.accepted(hmsApi, bytes(2 * MIB));
    const { retryAfterMs = 0 } = throttledOf(limits, hmsApi) ?? {};
    expect(clock.nowMs + retryAfterMs).toBe(startMs + 30 * HOUR_MS);
    clock.nowMs += retryAfterMs - 1;
    expect(throttledOf(limits, hmsApi)).toMatchObject({ retryAfterMs: 1 });
    clock.nowMs += 1;
    expect(throttledOf(limits, hmsApi)).toBeUndefined();
  });

  it('count what is in attributes', () => {
    const { limits } = limitsOf({ bytesPerDay: MIB });
    limits.accepted(hmsApi, { data: new Uint8Array(0), attributes: { clinic: 'ü'.repeat(MIB / 2) } });
    expect(throttledOf(limits, hmsApi)).toBeDefined();
  });

  it('are not forgotten among ten thousand other callers', () => {
    const { limits, clock } = limitsOf({ eventsPerSecond: 4, bytesPerDay: MIB });
    limits.accepted(hmsApi, bytes(MIB));
    clock.nowMs += HOUR_MS;
    for (let caller = 0; caller < 10_001; caller++) limits.publish({ ...clinic, name: `clinic-${caller}` });
    expect(throttledOf(limits, hmsApi)).toBeDefined();
  });

  it('have no limit for the hub’s own user, nor without authentication', () => {
    const { limits } = limitsOf({ eventsPerSecond: 1, bytesPerDay: MIB });
    for (const caller of [SOCKET_PRINCIPAL, OPEN_PRINCIPAL]) {
      limits.accepted(caller, bytes(2 * MIB));
      for (let event = 0; event < 3; event++) expect(throttledOf(limits, caller)).toBeUndefined();
    }
  });
});

describe('calls that last', () => {
  it('are as many as may be open at a time, of each kind', () => {
    const { limits } = limitsOf({});
    const ends = [limits.begin(hmsApi, 'tail'), limits.begin(hmsApi, 'tail')];
    expect(() => limits.begin(hmsApi, 'tail')).toThrow('hms-api has 2 tails open, and may have no more; end one');
    limits.begin(hmsApi, 'watch');
    limits.begin(clinic, 'tail');
    // An end that is said twice is one.
    ends[0]?.();
    ends[0]?.();
    limits.begin(hmsApi, 'tail');
    expect(() => limits.begin(hmsApi, 'tail')).toThrow('2 tails');
  });
});
