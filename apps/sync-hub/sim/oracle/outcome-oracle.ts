import type { DeliveryRecord } from '../../src/core/delivery.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { LEAST_MAX_AGE_MS, LONGEST_RETRY_AFTER_MS } from '../../src/core/retry.ts';
import type { RecordRequest } from '../../src/journal/journal.ts';
import type { DeliveryAttempt } from '../../src/runtimes/runtime.ts';
import type { Call, LaneFacts } from '../facts.ts';
import type { JournalModel } from '../model/model.ts';
import type { AdapterPlan } from '../plan.ts';
import type { VirtualTime } from '../time.ts';
import type { Trace } from '../trace.ts';

export interface OutcomeOracleOptions {
  readonly plan: AdapterPlan;
  readonly trace: Trace;
  readonly time: VirtualTime;
  /** What is on disk. */
  readonly model: JournalModel;
  readonly facts: LaneFacts;
  /** No clock is ever set in this schedule. */
  readonly isClockSteady: boolean;
  /** Only poisonous events break the adapter in this schedule. */
  readonly onlyPoisonBreaks: boolean;
  /** What is known of the life before this one, when the clock was not set. */
  readonly waits: ReadonlyMap<number, Wait>;
}

/** When the next attempt of a delivery may begin. Times are those of the simulation. */
export interface Wait {
  /** The attempts after which it waits. */
  readonly attempts: number;
  readonly byBackoffMs: number;
  readonly bySystemMs: number;
}

/**
 * Watches what one lane makes of the outcomes of attempts: what is counted, what it becomes, when it is due again. It
 * sees attempts as they begin and records as they are requested, and nothing of the lane.
 */
export class OutcomeOracle {
  readonly #options: OutcomeOracleOptions;
  readonly #waits: Map<number, Wait>;
  /** Failures that no success of another delivery has followed. */
  readonly #uncounted = new Map<number, { readonly failedAtMs: number; readonly failures: number }>();
  /** What a success made count, and no record shows yet. */
  readonly #counted = new Map<number, number>();
  /** Attempts whose failure is the last, unless another delivery is heard to fail meanwhile. */
  readonly #last = new Set<number>();
  /** When a delivery was delivered, if nothing failed since. */
  #wellAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: OutcomeOracleOptions) {
    this.#options = options;
    this.#waits = new Map(options.waits);
  }

  /** What is on disk of them, for the next life: who sets the clock cuts waits short over a restart. */
  get waits(): ReadonlyMap<number, Wait> {
    const { isClockSteady, model, plan } = this.#options;
    if (!isClockSteady) return new Map();
    return new Map(
      [...this.#waits].filter(([seq, { attempts }]) => {
        const stored = model.delivery(seq, plan.id);
        return stored?.state === 'retrying' && stored.attempts === attempts && stored.dueAtMs > 0;
      }),
    );
  }

  /** An operator retries now: nothing has to wait out its time. */
  endWaits(): void {
    this.#waits.clear();
  }

  /** It begins a new cycle, or is settled: what its attempts came to before does not count. */
  forget(seq: number): void {
    this.#waits.delete(seq);
    this.#counted.delete(seq);
    this.#uncounted.delete(seq);
  }

  /** The breaker opened: what failed does not count. */
  seeOutage(): void {
    this.#uncounted.clear();
    this.#wellAtMs = Number.NEGATIVE_INFINITY;
  }

  /** An attempt begins: it has waited as long as it must. Returns whether an operator asked for it. */
  checkDue(
    what: string,
    { event }: DeliveryAttempt,
    { isHalfOpen, isAsked }: Pick<Call, 'isHalfOpen' | 'isAsked'>,
  ): boolean {
    const wait = this.#waits.get(event.seq);
    if (wait === undefined || isAsked) return isAsked;
    const { trace, time, facts } = this.#options;
    const isOnTime = time.nowMs >= (isHalfOpen ? wait.bySystemMs : Math.max(wait.bySystemMs, wait.byBackoffMs));
    // An operator may have let it through.
    const probe = isOnTime ? undefined : facts.probes.find(({ begun }) => begun === undefined);
    if (probe !== undefined) {
      probe.begun = event.seq;
      return true;
    }
    trace.must(time.nowMs >= wait.bySystemMs, `${what} waits as long as the external system asked`);
    trace.must(isOnTime, `${what} waits out its backoff`);
    return false;
  }

  seeAttempt({ attempt, isHalfOpen, isAsked }: Call): void {
    const { plan, time } = this.#options;
    const { seq } = attempt.event;
    const { maxAttempts } = plan.rules.retry;
    const isServed = this.#spent(seq) >= maxAttempts && time.nowMs - this.#wellAtMs <= 1_000;
    if (!isHalfOpen && !isAsked && (maxAttempts === 1 || isServed)) this.#last.add(seq);
    else this.#last.delete(seq);
  }

  /** An operator heard that this attempt is the one that was let through. */
  seeAsked(call: Call): void {
    call.isAsked = true;
    this.#last.delete(call.attempt.event.seq);
  }

  /** A record of an attempt is requested: this is what the attempt came to. */
  see({ record, nowMs: monotonicMs, dueAtMs, notBeforeMs }: RecordRequest, call: Call, outcome: Outcome): void {
    const { plan, model, trace, time, facts } = this.#options;
    const { nowMs } = time;
    const { seq, state } = record;
    const event = call.attempt.event;
    const what = `event ${seq} at ${plan.id}`;
    const before = model.delivery(seq, plan.id);
    if (before === undefined) return;
    const { maxAttempts } = plan.rules.retry;
    const isNobodys = outcome.kind === 'crashed' && outcome.suspects > 1;
    const isFailure = SPENDING.has(outcome.kind) && !isNobodys;
    const isProbe = call.isHalfOpen || call.isAsked;
    const mayCount = isFailure && !isProbe && facts.condition() === 'closed';
    const crashes = before.crashes + (outcome.kind === 'crashed' && !isNobodys ? 1 : 0);
    const isQuarantined = crashes >= plan.rules.maxCrashes && outcome.kind === 'crashed' && !isNobodys;
    const isUsedUp = this.#spent(seq) >= maxAttempts;
    const isStillLast = maxAttempts === 1 || this.#wellAtMs !== Number.NEGATIVE_INFINITY;
    const isLast = mayCount && !isQuarantined && this.#last.has(seq) && isStillLast;
    const isTooOld = mayCount && !isQuarantined && !isLast && state === 'dead_lettered';
    if (isTooOld) trace.must(this.#mayBeTooOld(record, call), `${what} is not a dead letter before its maximum age`);
    if (isLast) {
      const isEnough = maxAttempts === 1 || record.attempts > maxAttempts;
      trace.must(isEnough, `${what} has had its ${maxAttempts} attempts`);
    }
    const spent = this.#spent(seq) + (isLast || isTooOld ? 1 : 0);
    trace.must(record.attempts === before.attempts + 1, `${what} counts the attempt that ran`);
    trace.must(record.crashes === crashes, `${what} counts its crashes`);
    trace.must(record.spent === spent, `${what} has spent ${spent}, not ${record.spent}`);
    trace.must(record.cycle === before.cycle, `${what} is in cycle ${before.cycle}`);
    const isDead = outcome.kind === 'permanent' || isQuarantined || isLast || isTooOld;
    const expected = outcome.kind === 'delivered' ? 'delivered' : isDead ? 'dead_lettered' : 'retrying';
    trace.must(state === expected, `${what} is ${expected} after ${outcome.kind}, not ${state}`);
    const isInnocent = this.#options.onlyPoisonBreaks && !call.isPoison;
    trace.must(!(isQuarantined && isInnocent), `${what} is not quarantined for what another one did`);
    if (outcome.kind !== 'crashed') facts.suspects.delete(seq);
    else if (outcome.suspects > 1) facts.suspects.add(seq);
    this.#counted.delete(seq);
    if (outcome.kind === 'delivered') this.#seeSuccess(call);
    if (outcome.kind === 'delivered' && !isProbe) facts.ramp += 1;
    this.#seeThrottled(outcome);
    if (isFailure && !isQuarantined) this.#seeFailure(seq, { mayCount, isUsedUp });
    if (state !== 'retrying') {
      this.forget(seq);
      facts.suspects.delete(seq);
      return;
    }
    const askedMs = askedBy(outcome);
    const inMs = outcome.kind === 'misconfigured' ? 0 : dueAtMs - monotonicMs;
    trace.must(
      inMs >= askedMs && (askedMs === 0 || notBeforeMs - monotonicMs >= askedMs),
      `${what}: Retry-After is honoured`,
    );
    trace.must(inMs <= Math.max(askedMs, plan.rules.retry.capMs), `${what}: no backoff is longer than the cap`);
    if (outcome.kind !== 'misconfigured') {
      const isSlow = inMs >= this.#leastBackoffMs(record.attempts);
      trace.must(isSlow, `${what} is not attempted again faster than the backoff`);
    }
    // With its attempts used up it is attempted again as soon as the system is seen to work.
    const byBackoffMs = nowMs + Math.min(inMs, plan.rules.retry.baseMs);
    this.#waits.set(seq, { attempts: record.attempts, byBackoffMs, bySystemMs: nowMs + askedMs });
    trace.note(() => `${what} is due in ${inMs} ms, event "${event.key}"`);
  }

  /** An attempt was throttled for the whole lane. */
  #seeThrottled(outcome: Outcome): void {
    if (outcome.kind !== 'throttled' || outcome.scope === 'delivery') return;
    const { plan, time, facts } = this.#options;
    const askedMs = askedBy(outcome);
    facts.ramp = 1;
    const atLeastMs = time.nowMs + Math.max(askedMs, this.#leastBackoffMs(1));
    const atMostMs = time.nowMs + Math.max(askedMs, plan.rules.retry.capMs);
    facts.throttledUntilMs = Math.max(facts.throttledUntilMs, atLeastMs);
    facts.throttledAtMostUntilMs = Math.max(facts.throttledAtMostUntilMs, atMostMs);
  }

  #spent(seq: number): number {
    const { model, plan } = this.#options;
    return (model.delivery(seq, plan.id)?.spent ?? 0) + (this.#counted.get(seq) ?? 0);
  }

  #seeSuccess({ startedAtMs }: Call): void {
    this.#wellAtMs = this.#options.time.nowMs;
    for (const [seq, { failedAtMs, failures }] of this.#uncounted) {
      if (failedAtMs > startedAtMs) continue;
      this.#uncounted.delete(seq);
      this.#counted.set(seq, (this.#counted.get(seq) ?? 0) + failures);
    }
  }

  #seeFailure(seq: number, { mayCount, isUsedUp }: { mayCount: boolean; isUsedUp: boolean }): void {
    if (!isUsedUp) this.#wellAtMs = Number.NEGATIVE_INFINITY;
    const failures = (this.#uncounted.get(seq)?.failures ?? 0) + 1;
    if (mayCount) this.#uncounted.set(seq, { failedAtMs: this.#options.time.nowMs, failures });
  }

  /** By the clock, of which nobody can say what it was when somebody set it meanwhile. */
  #mayBeTooOld({ seq }: DeliveryRecord, { attempt }: Call): boolean {
    const { plan, time, model, isClockSteady } = this.#options;
    const openedAtMs = model.delivery(seq, plan.id)?.reopenedAtMs ?? attempt.event.acceptedAtMs;
    const openedBeforeMs = time.wallMs() - openedAtMs;
    const ageMs = Math.min(openedBeforeMs, time.nowMs - this.#options.facts.breakerClosedAtMs);
    return !isClockSteady || ageMs >= (plan.rules.retry.maxAgeMs ?? LEAST_MAX_AGE_MS);
  }

  #leastBackoffMs(attempts: number): number {
    const { baseMs, capMs } = this.#options.plan.rules.retry;
    return Math.floor(Math.min(capMs, baseMs * 2 ** Math.min(30, attempts - 1)) / 2);
  }
}

/** The wait that the external system asked for. */
function askedBy(outcome: Outcome): number {
  return 'retryAfterMs' in outcome ? Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS) : 0;
}

const SPENDING: ReadonlySet<Outcome['kind']> = new Set(['retryable', 'timed_out', 'crashed'] as const);
