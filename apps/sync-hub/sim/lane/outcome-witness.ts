import type { RecordEffect } from '../../src/core/lane-effect.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { LEAST_MAX_AGE_MS, LONGEST_RETRY_AFTER_MS } from '../../src/core/retry.ts';
import { type LaneFacts, must } from './facts.ts';
import { WALL_START_MS } from './plan.ts';
import { isPoison } from './publisher.ts';

/** Watches what a lane makes of the outcomes of attempts: what is counted, what it becomes, when it is due again. */
export class OutcomeWitness {
  readonly #facts: LaneFacts;
  readonly #dueAtMs = new Map<number, { byBackoff: number; bySystem: number }>();
  /** Failures that no success of another delivery has followed. */
  readonly #uncounted = new Map<number, { failedAtMs: number; failures: number }>();
  /** What a success made count, and the disk does not show yet. */
  readonly #counted = new Map<number, number>();
  /** Attempts whose failure is the last, unless another delivery is heard to fail meanwhile. */
  readonly #last = new Set<number>();
  /** When a delivery was delivered, if nothing failed since. */
  #wellAtMs = Number.NEGATIVE_INFINITY;

  constructor(facts: LaneFacts) {
    this.#facts = facts;
  }

  /** When the next attempt of a delivery may begin; undefined when nothing is known against it. */
  dueAtMs(seq: number): { byBackoff: number; bySystem: number } | undefined {
    return this.#dueAtMs.get(seq);
  }

  /** It begins anew: what it came to before does not count. */
  forget(seq: number): void {
    this.#dueAtMs.delete(seq);
    this.#counted.delete(seq);
    this.#uncounted.delete(seq);
  }

  /** It left the memory of the lane: its wait is known by the clock alone, and not who asked for it. */
  forgetMemoryOf(seq: number): void {
    this.#counted.delete(seq);
    this.#counted.delete(seq);
    const due = this.#dueAtMs.get(seq);
    if (this.#facts.plan.clockJumps) this.#dueAtMs.delete(seq);
    else if (due !== undefined) this.#dueAtMs.set(seq, { ...due, bySystem: 0 });
  }

  get waiting(): Iterable<number> {
    return new Set([...this.#dueAtMs.keys(), ...this.#counted.keys()]);
  }

  /** Nothing has to be waited out any more. */
  endWaits(): void {
    this.#dueAtMs.clear();
  }

  forgetAll(): void {
    this.#dueAtMs.clear();
    this.#counted.clear();
    this.seeOutage();
  }

  /** The breaker opened: what failed does not count. */
  seeOutage(): void {
    this.#uncounted.clear();
    this.#wellAtMs = Number.NEGATIVE_INFINITY;
  }

  /** An attempt begins. */
  seeAttempt(seq: number): void {
    const { plan, nowMs, breaker, asked } = this.#facts;
    const { maxAttempts } = plan.rules.retry;
    const isProbe = breaker === 'half_open' || asked === seq;
    const isServed = this.#spent(seq) >= maxAttempts && nowMs - this.#wellAtMs <= 1_000;
    if (!isProbe && (maxAttempts === 1 || isServed)) this.#last.add(seq);
    else this.#last.delete(seq);
  }

  /** An attempt ended, and this is what the lane wants recorded of it. */
  see({ event, counts, state, nextAttemptInMs }: RecordEffect, outcome: Outcome): void {
    const { seq } = event;
    const { plan, journal, attempts, ended, nowMs } = this.#facts;
    const before = journal.delivery(seq);
    const attempt = ended?.seq === seq ? ended : attempts.get(seq);
    must(attempt !== undefined, `event ${seq} had an attempt to record`);
    const isNobodys = outcome.kind === 'crashed' && outcome.suspects > 1;
    const isFailure = SPENDING.has(outcome.kind) && !isNobodys;
    const mayCount = isFailure && !attempt.probe && this.#facts.breaker === 'closed';
    const crashes = before.crashes + (outcome.kind === 'crashed' && !isNobodys ? 1 : 0);
    const isQuarantined = crashes >= plan.rules.maxCrashes && outcome.kind === 'crashed' && !isNobodys;
    const isUsedUp = this.#spent(seq) >= plan.rules.retry.maxAttempts;
    const isStillLast = plan.rules.retry.maxAttempts === 1 || this.#wellAtMs !== Number.NEGATIVE_INFINITY;
    const isLast = mayCount && !isQuarantined && this.#last.has(seq) && isStillLast;
    const isTooOld = mayCount && !isQuarantined && !isLast && state === 'dead_lettered';
    if (isTooOld) must(this.#mayBeTooOld(event), `event ${seq} is not given up before its maximum age`);
    const spent = this.#spent(seq) + (isLast || isTooOld ? 1 : 0);
    if (isLast) {
      const { maxAttempts } = plan.rules.retry;
      must(maxAttempts === 1 || counts.attempts > maxAttempts, `event ${seq} has had its ${maxAttempts} attempts`);
    }
    must(counts.attempts === before.attempts + 1, `event ${seq} counts the attempt that ran`);
    must(counts.crashes === crashes, `event ${seq} counts its crashes`);
    must(counts.spent === spent, `event ${seq} has spent ${spent}, not ${counts.spent}`);
    must(counts.cycle === before.cycle, `event ${seq} is in cycle ${before.cycle}`);
    const isDead = outcome.kind === 'permanent' || isQuarantined || isLast || isTooOld;
    const expected = outcome.kind === 'delivered' ? 'delivered' : isDead ? 'dead_lettered' : 'retrying';
    must(state === expected, `event ${seq} is ${expected} after ${outcome.kind}, not ${state}`);
    const isInnocent = plan.poison.share > 0 && plan.poison.kind === 'crashed' && !isPoison(event);
    must(!(isQuarantined && isInnocent), `event ${seq} is not quarantined for what another one did`);
    this.#suspect(seq, outcome);
    this.#counted.delete(seq);
    if (outcome.kind === 'delivered') this.#seeSuccess(attempt.startedAtMs);
    if (isFailure && !isQuarantined) this.#seeFailure(seq, { mayCount, isUsedUp });
    if (state !== 'retrying') this.#uncounted.delete(seq);
    if (state !== 'retrying') return;
    const asked = 'retryAfterMs' in outcome ? Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS) : 0;
    const inMs = nextAttemptInMs ?? 0;
    must(inMs >= asked, 'Retry-After is honoured');
    must(inMs <= Math.max(asked, plan.rules.retry.capMs), 'no backoff is longer than the cap');
    if (outcome.kind !== 'misconfigured') {
      must(inMs >= this.#leastBackoffMs(counts.attempts), `event ${seq} is not tried faster than the backoff`);
    }
    // With its attempts used up it is tried once more as soon as the system is seen to work.
    this.#dueAtMs.set(seq, { byBackoff: nowMs + Math.min(inMs, plan.rules.retry.baseMs), bySystem: nowMs + asked });
    if (outcome.kind === 'throttled' && outcome.scope !== 'delivery') {
      this.#facts.ramp = 1;
      const atLeastMs = Math.max(asked, this.#leastBackoffMs(1));
      const atMostMs = Math.max(asked, plan.rules.retry.capMs);
      this.#facts.throttledUntilMs = Math.max(this.#facts.throttledUntilMs, nowMs + atLeastMs);
      this.#facts.throttledAtMostUntilMs = Math.max(this.#facts.throttledAtMostUntilMs, nowMs + atMostMs);
    }
  }

  #spent(seq: number): number {
    return this.#facts.journal.delivery(seq).spent + (this.#counted.get(seq) ?? 0);
  }

  #seeSuccess(startedAtMs: number): void {
    this.#wellAtMs = this.#facts.nowMs;
    for (const [seq, { failedAtMs, failures }] of this.#uncounted) {
      if (failedAtMs > startedAtMs) continue;
      this.#uncounted.delete(seq);
      if (this.#facts.isInWindow(seq)) this.#counted.set(seq, (this.#counted.get(seq) ?? 0) + failures);
    }
  }

  #seeFailure(seq: number, { mayCount, isUsedUp }: { mayCount: boolean; isUsedUp: boolean }): void {
    if (!isUsedUp) this.#wellAtMs = Number.NEGATIVE_INFINITY;
    const failures = (this.#uncounted.get(seq)?.failures ?? 0) + 1;
    if (mayCount) this.#uncounted.set(seq, { failedAtMs: this.#facts.nowMs, failures });
  }

  /** By the clock, which nobody can say when it was set meanwhile. */
  #mayBeTooOld({ acceptedAtMs }: RecordEffect['event']): boolean {
    const { plan, nowMs, breakerClosedAtMs } = this.#facts;
    const sinceMs = Math.max(acceptedAtMs - WALL_START_MS, breakerClosedAtMs);
    return plan.clockJumps || nowMs - sinceMs >= (plan.rules.retry.maxAgeMs ?? LEAST_MAX_AGE_MS);
  }

  #leastBackoffMs(attempts: number): number {
    const { baseMs, capMs } = this.#facts.plan.rules.retry;
    return Math.floor(Math.min(capMs, baseMs * 2 ** Math.min(30, attempts - 1)) / 2);
  }

  #suspect(seq: number, outcome: Outcome): void {
    if (outcome.kind !== 'crashed') this.#facts.suspects.delete(seq);
    else if (outcome.suspects > 1) this.#facts.suspects.add(seq);
  }
}

const SPENDING: ReadonlySet<Outcome['kind']> = new Set(['retryable', 'timed_out', 'crashed'] as const);
