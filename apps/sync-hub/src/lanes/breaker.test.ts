import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { createBreaker, delivered, failure, retryable, times } from './breaker.fixture.ts';

describe('opening', () => {
  it('happens by the fifth delivery that fails when nothing was answered lately', async () => {
    const { attempt, breaker, seen } = createBreaker();
    await attempt(...times(4, retryable));
    expect(seen).toEqual([]);
    await attempt(retryable);
    expect(seen).toEqual(['open']);
    expect(breaker.report.cause).toBe('5 different deliveries failed in a row; the last: HTTP_503');
  });

  it('happens when more than half of at least ten deliveries failed', async () => {
    const { attempt, seen } = createBreaker();
    await attempt(...times(4, delivered), ...times(5, retryable));
    expect(seen).toEqual([]);
    await attempt(retryable);
    expect(seen).toEqual(['open']);
  });

  it('does not happen by four deliveries, however often they fail', async () => {
    const { breaker, seen } = createBreaker();
    for (let round = 0; round < 25; round += 1) {
      for (const seq of [1, 2, 3, 4]) await breaker.run(seq, async () => retryable);
    }
    expect(seen).toEqual([]);
    expect(breaker.report).toMatchObject({ calls: 4, failures: 4 });
  });

  it('counts a delivery that failed and is delivered after all', async () => {
    const { breaker } = createBreaker();
    for (const outcome of [retryable, retryable, delivered]) await breaker.run(1, async () => outcome);
    expect(breaker.report).toMatchObject({ condition: 'closed', calls: 2, failures: 1 });
  });

  it('counts a delivery again in the next window', async () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['Date', 'performance', 'setInterval', 'setTimeout'] });
    const { breaker } = createBreaker();
    for (let minute = 0; minute < 3; minute += 1) {
      await breaker.run(1, async () => retryable);
      expect(breaker.report).toMatchObject({ calls: 1, failures: 1 });
      vi.advanceTimersByTime(60_000);
    }
  });

  it('does not happen at just half', async () => {
    const { attempt, seen } = createBreaker();
    await attempt(...times(5, delivered), ...times(5, retryable));
    expect(seen).toEqual([]);
    await attempt(retryable);
    expect(seen).toEqual(['open']);
  });

  it.each<Outcome>([
    { kind: 'permanent', failure },
    { kind: 'throttled', failure, retryAfterMs: 1 },
    { kind: 'misconfigured', failure },
  ])('does not happen by $kind outcomes: the other side answers', async (outcome) => {
    const { attempt, breaker, seen } = createBreaker();
    await attempt(...times(20, outcome));
    expect(seen).toEqual([]);
    expect(breaker.report).toMatchObject({
      condition: 'closed',
      calls: 20,
      failures: 0,
      lastFailure: { kind: outcome.kind },
    });
  });

  it.each<Outcome>([
    { kind: 'timed_out', failure },
    { kind: 'crashed', failure, suspects: 1 },
  ])('happens by $kind outcomes as well', async (outcome) => {
    const { attempt, seen } = createBreaker();
    await attempt(...times(5, outcome));
    expect(seen).toEqual(['open']);
  });

  it('is reported before the attempt that caused it resolves', async () => {
    const { attempt, breaker, run } = createBreaker();
    await attempt(...times(4, retryable));
    const condition = run(async () => retryable).then(() => breaker.report.condition);
    expect(await condition).toBe('open');
  });
});

it('gives every outcome back as it was', async () => {
  const { run } = createBreaker();
  expect(await run(async () => delivered)).toBe(delivered);
  expect(await run(async () => retryable)).toBe(retryable);
});

describe('an open breaker', () => {
  it('says why, since when, and when it will try again', async () => {
    const { attempt, breaker } = createBreaker({ resetTimeoutMs: 60_000 });
    const beforeMs = Date.now();
    await attempt(delivered, ...times(9, retryable));
    const { sinceMs, nextProbeAtMs, recent, ...report } = breaker.report;
    expect(recent).toMatchObject({ attempts: 10, failures: 9, lastFailure: failure });
    expect(report).toEqual({
      condition: 'open',
      cause: '9 of 10 deliveries failed within 10 s; the last: HTTP_503',
      calls: 10,
      failures: 9,
      lastFailure: { kind: 'retryable', ...failure },
    });
    expect(sinceMs).toBeGreaterThanOrEqual(beforeMs);
    expect(nextProbeAtMs).toBe(sinceMs + 60_000);
  });

  it('refuses to run anything: the lane asks first', async () => {
    const { attempt, run } = createBreaker();
    await attempt(...times(5, retryable));
    const code = vi.fn(async () => delivered);
    await expect(run(code)).rejects.toThrow('Breaker is open');
    expect(code).not.toHaveBeenCalled();
  });

  it('becomes half open by itself, runs one, and closes when that is answered', async () => {
    const { attempt, breaker, seen, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    expect(breaker.report.nextProbeAtMs).toBeUndefined();
    await attempt(delivered);
    expect(seen).toEqual(['open', 'half_open', 'closed']);
    expect(breaker.report.cause).toBe('an attempt got an answer again');
  });

  it('stays open for another while when the one that it lets through fails', async () => {
    const { attempt, breaker, seen, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    await attempt(retryable);
    expect(breaker.report.cause).toBe('tried again, it failed still: HTTP_503');
    await becomes('half_open');
    expect(seen).toEqual(['open', 'half_open', 'open', 'half_open']);
  });

  it('closes when the one that it lets through is refused permanently: the other side answers', async () => {
    const { attempt, seen, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    await attempt({ kind: 'permanent', failure });
    expect(seen.at(-1)).toBe('closed');
  });

  it('stays open for another while when the one that it lets through does not reach the adapter', async () => {
    const { attempt, seen, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    await attempt({ kind: 'not_run' });
    expect(seen).toEqual(['open', 'half_open', 'open']);
  });

  it('runs only one while half open', async () => {
    const { attempt, breaker, run, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const probe = run(() => promise);
    await expect(run(async () => delivered)).rejects.toThrow('Breaker is open');
    resolve(delivered);
    await probe;
    expect(breaker.report.condition).toBe('closed');
  });
});

describe('a breaker that closed', () => {
  it('has forgotten the failures from before, so that one more does not open it', async () => {
    const { attempt, breaker, becomes } = createBreaker();
    await attempt(...times(5, retryable));
    await becomes('half_open');
    await attempt(delivered);
    expect(breaker.report).toMatchObject({ calls: 0, failures: 0 });
    await attempt(...times(9, retryable));
    expect(breaker.report.condition).toBe('closed');
    await attempt(retryable);
    expect(breaker.report.condition).toBe('open');
  });

  it('is not harmed by attempts from before that end only now', async () => {
    const { attempt, breaker, run, seen, becomes } = createBreaker();
    const late = times(3, retryable).map(() => Promise.withResolvers<Outcome>());
    const running = late.map(({ promise }) => run(() => promise));
    await attempt(...times(5, retryable));
    await becomes('half_open');
    await attempt(delivered);
    for (const { resolve } of late) resolve(retryable);
    expect(await Promise.all(running)).toEqual(times(3, retryable));
    expect(seen).toEqual(['open', 'half_open', 'closed']);
    expect(breaker.report).toMatchObject({ condition: 'closed', failures: 0 });
  });
});

describe('after a restart', () => {
  it('goes on open with the reason and the time that it had, and tries again when it would have', async () => {
    vi.useFakeTimers({ now: 1_000_000 });
    const { breaker, seen, attempt } = createBreaker({ resetTimeoutMs: 1_000 });
    breaker.restore({ cause: '3 of 5', sinceMs: 1_000_000 - 400 });
    expect(breaker.report).toMatchObject({
      condition: 'open',
      cause: '3 of 5',
      sinceMs: 999_600,
      nextProbeAtMs: 1_000_600,
    });
    vi.advanceTimersByTime(599);
    expect(seen).toEqual(['open']);
    vi.advanceTimersByTime(1);
    expect(seen).toEqual(['open', 'half_open']);
    // From then on its time is the whole again.
    await attempt(retryable);
    // And its reason is a new one.
    expect(breaker.report).toMatchObject({ cause: 'tried again, it failed still: HTTP_503', sinceMs: 1_000_600 });
    vi.advanceTimersByTime(999);
    expect(seen).toEqual(['open', 'half_open', 'open']);
    vi.advanceTimersByTime(1);
    expect(seen).toEqual(['open', 'half_open', 'open', 'half_open']);
  });

  it.each([1_000_000 - 3_600_000, 1_000_000 + 3_600_000])(
    'waits no longer than its time when the clock was set (since %i)',
    (sinceMs) => {
      vi.useFakeTimers({ now: 1_000_000 });
      const { breaker, seen } = createBreaker({ resetTimeoutMs: 1_000 });
      breaker.restore({ cause: '3 of 5', sinceMs });
      vi.advanceTimersByTime(1_000);
      expect(seen).toEqual(['open', 'half_open']);
    },
  );
});

describe('letting go', () => {
  it('leaves no timer behind, whatever it went through', async () => {
    vi.useFakeTimers();
    const { attempt, breaker, seen } = createBreaker();
    await attempt(...times(5, retryable));
    vi.advanceTimersByTime(30);
    await attempt(delivered);
    await attempt(...times(10, retryable));
    expect(seen).toEqual(['open', 'half_open', 'closed', 'open']);
    expect(vi.getTimerCount()).toBeGreaterThan(0);
    breaker.close();
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps two timers at the most, however often it opened and closed', async () => {
    vi.useFakeTimers();
    const { attempt, seen } = createBreaker();
    for (let round = 0; round < 5; round += 1) {
      await attempt(...times(10, retryable).slice(round === 0 ? 5 : 0));
      vi.advanceTimersByTime(30);
      await attempt(delivered);
    }
    expect(seen).toHaveLength(15);
    expect(vi.getTimerCount()).toBeLessThanOrEqual(2);
  });

  it('still gives the outcome of what runs', async () => {
    const { breaker, run } = createBreaker();
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    const running = run(() => promise);
    breaker.close();
    resolve(retryable);
    expect(await running).toBe(retryable);
  });
});

describe('attempts that began while it was closed and end together while it is half open', () => {
  it('decide nothing: the one that is let through does', async () => {
    const { run, seen, attempt, becomes } = createBreaker();
    const answered = Promise.withResolvers<void>();
    const late = [retryable, delivered].map((outcome) => run(() => answered.promise.then(() => outcome)));
    const halfOpen = becomes('half_open');
    await attempt(...times(5, retryable));
    await halfOpen;
    answered.resolve();
    await Promise.all(late);
    expect(seen).toEqual(['open', 'half_open']);
    await attempt(delivered);
    expect(seen).toEqual(['open', 'half_open', 'closed']);
    // It lives: what it would do next is not decided by a breaker that was let go.
    const open = becomes('open');
    const again = becomes('half_open');
    await attempt(...times(10, retryable));
    await open;
    await again;
  });
});
