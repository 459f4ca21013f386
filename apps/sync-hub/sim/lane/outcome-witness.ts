import type { RecordEffect } from '../../src/core/lane-effect.ts';
import type { Outcome } from '../../src/core/outcome.ts';
import { LONGEST_RETRY_AFTER_MS } from '../../src/core/retry.ts';
import { type LaneFacts, must } from './facts.ts';
import { isPoison } from './publisher.ts';

/** Watches what a lane makes of the outcomes of attempts: what is counted, what it becomes, when it is due again. */
export class OutcomeWitness {
  readonly #facts: LaneFacts;
  readonly #dueAtMs = new Map<number, { byBackoff: number; bySystem: number }>();

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
  }

  /** It left the memory of the lane: its wait is known by the clock alone, and not who asked for it. */
  forgetMemoryOf(seq: number): void {
    const due = this.#dueAtMs.get(seq);
    if (this.#facts.plan.clockJumps) this.#dueAtMs.delete(seq);
    else if (due !== undefined) this.#dueAtMs.set(seq, { ...due, bySystem: 0 });
  }

  get waiting(): Iterable<number> {
    return this.#dueAtMs.keys();
  }

  forgetAll(): void {
    this.#dueAtMs.clear();
  }

  /** An attempt ended, and this is what the lane wants recorded of it. */
  see({ event, counts, state, nextAttemptInMs }: RecordEffect, outcome: Outcome): void {
    const { seq } = event;
    const { plan, journal, attempts, ended, nowMs } = this.#facts;
    const before = journal.delivery(seq);
    const attempt = ended?.seq === seq ? ended : attempts.get(seq);
    must(attempt !== undefined, `event ${seq} had an attempt to record`);
    const isNobodys = outcome.kind === 'crashed' && outcome.suspects > 1;
    const isSpent = !attempt.probe && SPENDING.has(outcome.kind) && !isNobodys;
    const crashes = before.crashes + (outcome.kind === 'crashed' && !isNobodys ? 1 : 0);
    const isQuarantined = crashes >= plan.rules.maxCrashes && outcome.kind === 'crashed' && !isNobodys;
    const spent = before.spent + (isSpent && !isQuarantined ? 1 : 0);
    must(counts.attempts === before.attempts + 1, `event ${seq} counts the attempt that ran`);
    must(counts.crashes === crashes, `event ${seq} counts its crashes`);
    must(counts.spent === spent, `event ${seq} has spent ${spent}, not ${counts.spent}`);
    must(counts.cycle === before.cycle, `event ${seq} is in cycle ${before.cycle}`);
    const isExhausted = isSpent && spent >= plan.rules.retry.maxAttempts;
    const isDead = outcome.kind === 'permanent' || isQuarantined || isExhausted;
    const expected = outcome.kind === 'delivered' ? 'delivered' : isDead ? 'dead_lettered' : 'retrying';
    must(state === expected, `event ${seq} is ${expected} after ${outcome.kind}, not ${state}`);
    const isInnocent = plan.poison.share > 0 && plan.poison.kind === 'crashed' && !isPoison(event);
    must(!(isQuarantined && isInnocent), `event ${seq} is not quarantined for what another one did`);
    this.#suspect(seq, outcome);
    if (state !== 'retrying') return;
    const asked = 'retryAfterMs' in outcome ? Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS) : 0;
    const inMs = nextAttemptInMs ?? 0;
    must(inMs >= asked, 'Retry-After is honoured');
    must(inMs <= Math.max(asked, plan.rules.retry.capMs), 'no backoff is longer than the cap');
    this.#dueAtMs.set(seq, { byBackoff: nowMs + inMs, bySystem: nowMs + asked });
    if (outcome.kind === 'throttled' && outcome.scope !== 'delivery') {
      this.#facts.ramp = 1;
      this.#facts.throttledUntilMs = Math.max(this.#facts.throttledUntilMs, nowMs + asked);
    }
  }

  #suspect(seq: number, outcome: Outcome): void {
    if (outcome.kind !== 'crashed') this.#facts.suspects.delete(seq);
    else if (outcome.suspects > 1) this.#facts.suspects.add(seq);
  }
}

const SPENDING: ReadonlySet<Outcome['kind']> = new Set(['retryable', 'timed_out', 'crashed'] as const);
