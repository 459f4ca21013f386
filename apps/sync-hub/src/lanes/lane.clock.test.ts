import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { ManualClock, settle } from '../operations/manual-clock.fixture.ts';
import { delivered, failure, openLaneFixture, retryable } from './lane.fixture.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const START_MS = 1_790_000_000_000;
const retry = { baseMs: 10_000, capMs: HOUR_MS, maxAttempts: 5 };

/** A lane that retries after ten seconds, on a clock that goes when the test says so. */
async function openSlow(options: Parameters<typeof openLaneFixture>[0] & { readonly clock: ManualClock }) {
  const fixture = await openLaneFixture({ retry, ...options });
  await fixture.start();
  return fixture;
}

const after = (retryAfterMs: number): Outcome => ({ ...retryable, retryAfterMs });

describe.each([
  ['back', -DAY_MS],
  ['ahead', DAY_MS],
])('a clock that is set %s by a day while the hub runs', (_direction, jumpMs) => {
  it('makes no retry go earlier or later', async () => {
    const clock = new ManualClock(START_MS);
    const fixture = await openSlow({ clock });
    const answers: Outcome[] = [after(60_000)];
    fixture.runtime.answer = async () => answers.shift() ?? delivered;
    await fixture.accept('a');
    await settle();
    clock.jump(jumpMs);
    await fixture.accept('b');
    await clock.pass(59_999);
    expect(fixture.runtime.ids).toEqual(['a', 'b']);
    await clock.pass(1);
    await settle();
    expect(fixture.runtime.ids).toEqual(['a', 'b', 'a']);
  });

  it('neither ends nor stretches the wait of a throttled lane, and says by the new clock until when it is', async () => {
    const clock = new ManualClock(START_MS);
    const fixture = await openSlow({ clock });
    const answers: Outcome[] = [{ kind: 'throttled', failure, retryAfterMs: 60_000 }];
    fixture.runtime.answer = async () => answers.shift() ?? delivered;
    await fixture.accept('a');
    await settle();
    clock.jump(jumpMs);
    await fixture.accept('b');
    await clock.pass(59_999);
    expect(fixture.runtime.ids).toEqual(['a']);
    expect(fixture.lane.health().throttledUntilMs).toBeCloseTo(clock.wallMs() + 1);
    await clock.pass(1);
    await settle();
    expect(fixture.runtime.ids.slice(1).sort()).toEqual(['a', 'b']);
  });

  it('takes no delivery for older than it is', async () => {
    const clock = new ManualClock(START_MS);
    const fixture = await openSlow({ clock, retry: { ...retry, maxAgeMs: HOUR_MS } });
    fixture.runtime.answer = async () => retryable;
    await fixture.accept('a');
    await settle();
    clock.jump(jumpMs);
    await clock.pass(HOUR_MS / 2);
    await settle();
    expect(fixture.records.every(({ state }) => state === 'retrying')).toBe(true);
    await clock.pass(2 * HOUR_MS);
    await settle();
    expect(fixture.log.at(-1)).toBe('a: dead_lettered');
  });
});

describe.each([
  ['back', -DAY_MS],
  ['ahead', DAY_MS],
])('a clock that is set %s by a day while no hub runs', (_direction, jumpMs) => {
  it('makes nothing wait that was ready, and no retry longer than the longest wait', async () => {
    const before = await openSlow({ clock: new ManualClock(START_MS) });
    before.runtime.answer = async ({ event }) =>
      event.id === 'retry/r' ? after(60_000) : new Promise(() => undefined);
    await before.accept('runs/k', 'retry/r', 'behind/k', 'behind/r');
    await settle();
    expect(before.log).toEqual(['retry/r: retrying']);
    const clock = new ManualClock(START_MS + jumpMs);
    const next = await openSlow({ clock, database: before.kill() });
    await settle();
    expect(next.runtime.ids.slice(0, 1)).toEqual(['runs/k']);
    await next.accept('fresh');
    await settle();
    expect(next.runtime.ids).toContain('behind/k');
    expect(next.runtime.ids).toContain('fresh');
    await clock.pass(HOUR_MS);
    await settle();
    expect(next.runtime.ids.toSorted()).toEqual(['behind/k', 'behind/r', 'fresh', 'retry/r', 'runs/k']);
    expect(next.runtime.ids.indexOf('retry/r')).toBeLessThan(next.runtime.ids.indexOf('behind/r'));
    expect(next.runtime.attempts.find(({ event }) => event.id === 'retry/r')).toMatchObject({ number: 2 });
  });
});

describe('retries that are due', () => {
  it('are read by one timer, however many wait, and all that are due by one read', async () => {
    const clock = new ManualClock(START_MS);
    const fixture = await openSlow({ clock });
    const isAgain = new Set<string>();
    fixture.runtime.answer = async ({ event }) => {
      if (isAgain.has(event.id)) return delivered;
      isAgain.add(event.id);
      return after(event.id.startsWith('soon') ? 60_000 : 120_000);
    };
    // A success first, so that failures of this many are not an outage; the breaker has timers of its own.
    isAgain.add('first');
    await fixture.accept('first');
    await settle();
    const ids = ['soon1', 'soon2', 'late1', 'late2'];
    await fixture.accept(...ids);
    await settle();
    expect(fixture.records).toHaveLength(5);
    expect(clock.timers).toBe(1);
    const reads = () => fixture.requests.filter(({ name }) => name === 'readReady').length;
    const readsBefore = reads();
    await clock.pass(60_000);
    await settle();
    expect(fixture.runtime.ids.slice(5).sort()).toEqual(['soon1', 'soon2']);
    expect(reads() - readsBefore).toBe(1);
    expect(clock.timers).toBe(1);
    await clock.pass(60_000);
    await settle();
    expect(fixture.runtime.ids.slice(7).sort()).toEqual(['late1', 'late2']);
    expect(reads() - readsBefore).toBe(2);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 0 });
  });
});
