import type { BreakerCondition, HeldBy, LaneEffect, LaneState, RecordEffect } from '../src/core/lane.ts';
import type { Outcome } from '../src/core/outcome.ts';
import { LONGEST_RETRY_AFTER_MS } from '../src/core/retry.ts';
import type { LanePlan } from './lane-plan.ts';
import type { SimulatedAttempt } from './simulated-adapter.ts';
import { isSettled, type SimulatedJournal } from './simulated-journal.ts';

/** How the world around the lane stands, as the witness knows it without asking the lane. */
export interface LaneFacts {
  readonly plan: LanePlan;
  readonly journal: SimulatedJournal;
  nowMs: number;
  breaker: BreakerCondition;
  /** Half-open: the one delivery was sent. */
  probeSent: boolean;
  paused: boolean;
  runtimeReady: boolean;
  draining: boolean;
  throttledUntilMs: number;
  /** Attempts that may run at a time after trouble: one, and one more for each success since. */
  ramp: number;
  /** By seq; overdue ones among them. */
  readonly attempts: ReadonlyMap<number, SimulatedAttempt>;
  /** The attempt whose end the lane is being told; not among those that run. */
  ended: SimulatedAttempt | undefined;
}

/** Watches one lane keep its promises, by rules that are written as plainly as can be. Throws at the first breach. */
export class LaneWitness {
  readonly #facts: LaneFacts;
  readonly #everAttempted = new Set<number>();
  readonly #recording = new Set<number>();
  readonly #dueAtMs = new Map<number, { byBackoff: number; bySystem: number }>();
  readonly #told = new Map<number, HeldBy>();

  constructor(facts: LaneFacts) {
    this.#facts = facts;
  }

  /** All that a step wants, before it is performed. */
  seeTogether(effects: readonly LaneEffect[]): void {
    const kinds = new Set(effects.map(({ kind }) => kind));
    must(
      !(kinds.has('abort') && kinds.has('attempt')),
      'nothing begins before the breaker heard of deadlines that passed',
    );
  }

  /** One effect, before it is performed. */
  see(effect: LaneEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#seeAttempt(effect);
        break;
      case 'abort':
        this.#seeAbort(effect.seq);
        break;
      case 'record':
        this.#seeRecord(effect);
        break;
      case 'tell_held':
        this.#seeHeld(effect);
        break;
      case 'fetch':
        must(!this.#facts.draining, 'a draining lane fetches nothing');
        break;
      case 'tell_paused':
        this.#facts.paused = true;
        break;
      default:
        effect satisfies never;
    }
  }

  /** A record is on disk. */
  seeRecorded(seq: number): void {
    this.#recording.delete(seq);
  }

  /** The process died: what it knew is gone, what it did is not. */
  forget(): void {
    this.#recording.clear();
    this.#dueAtMs.clear();
    this.#told.clear();
  }

  /** After every step. */
  inspect(state: LaneState): void {
    const { journal, attempts } = this.#facts;
    const { window } = state.rules;
    must(state.deliveries.size + state.awaited.deliveries <= window.deliveries, 'the window holds its count');
    must(state.windowBytes <= window.bytes + this.#facts.plan.payloadBytesMax * window.deliveries, 'and its bytes');
    for (const line of state.lines.values()) {
      must(line.deliveries.size <= window.deliveriesPerKey, `key ${line.key} keeps to its part of the window`);
    }
    must(state.attempting.size + state.overdue === attempts.size, 'the lane knows what runs');
    // One that gave its place to others is told again when it comes back.
    for (const seq of this.#told.keys()) if (!state.deliveries.has(seq)) this.#told.delete(seq);
    for (const delivery of journal.deliveries) {
      if (isSettled(delivery) || this.#recording.has(delivery.event.seq)) continue;
      must(this.#isReachable(state, delivery.event), `event ${delivery.event.seq} is not forgotten`);
    }
    for (const [seq, { state: now }] of state.deliveries) {
      const isDone = isSettled(journal.delivery(seq)) && !this.#recording.has(seq);
      must(!isDone || now.kind === 'overdue', `event ${seq} is settled and has left the window`);
    }
  }

  /** After the lane's timer had its chance to ring. */
  seeDeadlines(): void {
    const { attempts, nowMs } = this.#facts;
    const late = attempts.values().find((attempt) => !attempt.overdue && attempt.deadlineAtMs <= nowMs);
    must(late === undefined, `event ${late?.seq} is stopped at its deadline`);
  }

  /** When nothing is left to happen: all is settled, but for what code that never returns holds, which is its key
   * and, with enough of it, the whole window. */
  seeEnd(state: LaneState): void {
    const { journal, attempts } = this.#facts;
    const hanging = [...attempts.values()];
    const isHeld = ({ seq, key }: { seq: number; key: string }) =>
      hanging.some((attempt) => attempt.seq === seq || (key !== '' && attempt.key === key));
    const forgotten = journal.deliveries.filter((delivery) => !isSettled(delivery) && !isHeld(delivery.event));
    const { deliveries, bytes } = state.rules.window;
    const isFull = state.deliveries.size > deliveries / 2 || state.windowBytes > bytes * (7 / 8);
    const seqs = forgotten.map(({ event }) => event.seq);
    must(seqs.length === 0 || (hanging.length > 0 && isFull), `all is delivered in the end, also ${seqs}`);
    if (hanging.length === 0) mustBeEmpty(state);
  }

  #isReachable(state: LaneState, { seq, key }: { seq: number; key: string }): boolean {
    if (state.deliveries.has(seq) || seq > state.fetchedToSeq) return true;
    const line = state.lines.get(key);
    return line?.overflowToSeq !== undefined && line.lastSeq < seq && seq <= line.overflowToSeq;
  }

  #seeAttempt({ event, number, redelivered, timeoutMs }: LaneEffect & { kind: 'attempt' }): void {
    const { journal, nowMs, plan, attempts } = this.#facts;
    const { seq, key } = event;
    const delivery = journal.delivery(seq);
    this.#mustBeOpen();
    must(!isSettled(delivery), `event ${seq} is attempted only while it is not settled`);
    must(!this.#recording.has(seq), `event ${seq} is attempted again only when its last outcome is on disk`);
    must(
      plan.runtime.accepts === 'all' || plan.runtime.accepts.has(event.type),
      'only types that it takes are attempted',
    );
    must(
      number === delivery.attempts + 1,
      `attempt ${number} of event ${seq} follows the ${delivery.attempts} on disk`,
    );
    must(redelivered || !this.#everAttempted.has(seq), `event ${seq} says that it may have taken effect before`);
    must(timeoutMs === plan.runtime.attemptTimeoutMs, 'an attempt has the time that the adapter asked for');
    if (key !== '') {
      const running = attempts.values().find((attempt) => attempt.key === key);
      must(running === undefined, `key ${key} has one live attempt`);
      const earlier = journal.deliveries.find((other) => other.event.key === key && !isSettled(other));
      must(earlier?.event.seq === seq, `event ${seq} of ${key} waits for ${earlier?.event.seq} to be settled on disk`);
    }
    const due = this.#dueAtMs.get(seq);
    if (due !== undefined) {
      must(nowMs >= due.bySystem, `event ${seq} waits as long as the external system asked`);
      must(nowMs >= due.byBackoff || this.#facts.breaker === 'half_open', `event ${seq} waits out its backoff`);
    }
    this.#everAttempted.add(seq);
    this.#told.delete(seq);
  }

  /** The gate, as anybody would put it. */
  #mustBeOpen(): void {
    const { plan, attempts, nowMs, breaker, probeSent, paused, runtimeReady, draining, throttledUntilMs } = this.#facts;
    must(runtimeReady, 'nothing is attempted before the adapter is ready');
    must(!paused, 'nothing is attempted while paused');
    must(!draining, 'nothing is attempted while draining');
    must(breaker !== 'open', 'nothing is attempted while the breaker is open');
    must(throttledUntilMs <= nowMs, 'nothing is attempted while throttled');
    const overdue = attempts.values().filter((attempt) => attempt.overdue);
    const overdueCount = [...overdue].length;
    const onTime = attempts.size - overdueCount;
    if (breaker === 'half_open') must(!probeSent && onTime === 0, 'half-open sends one, after the earlier ones ended');
    else must(onTime === 0 || attempts.size < plan.runtime.concurrency, 'no more run than the adapter takes');
    must(onTime < this.#facts.ramp, 'after trouble the lane begins with one at a time');
  }

  #seeAbort(seq: number): void {
    const attempt = this.#facts.attempts.get(seq);
    must(attempt !== undefined && !attempt.overdue, `event ${seq} runs and is aborted once`);
    must((attempt?.deadlineAtMs ?? 0) <= this.#facts.nowMs, `event ${seq} is aborted at its deadline`);
  }

  #seeRecord(effect: RecordEffect): void {
    const { seq, type } = effect.event;
    const { plan, journal } = this.#facts;
    must(!this.#recording.has(seq), `event ${seq} has one record on its way`);
    const before = journal.delivery(seq);
    must(!isSettled(before), `event ${seq} is settled once`);
    this.#recording.add(seq);
    if (effect.attempt !== undefined) {
      this.#seeOutcome(effect, effect.attempt.outcome);
    } else {
      must(effect.state === 'skipped', 'without an attempt there is nothing to say but skipped');
      must(plan.runtime.accepts !== 'all' && !plan.runtime.accepts.has(type), 'what the adapter takes is not skipped');
      must(effect.counts.attempts === before.attempts, 'to skip counts nothing');
    }
  }

  #seeOutcome({ event: { seq }, counts, state, nextAttemptInMs }: RecordEffect, outcome: Outcome): void {
    const { plan, journal, attempts, ended, nowMs } = this.#facts;
    const before = journal.delivery(seq);
    const attempt = ended?.seq === seq ? ended : attempts.get(seq);
    must(attempt !== undefined, `event ${seq} had an attempt to record`);
    const isSpent = !attempt?.probe && SPENDING.has(outcome.kind);
    const crashes = before.crashes + (outcome.kind === 'crashed' ? 1 : 0);
    const isQuarantined = crashes >= plan.rules.maxCrashes && outcome.kind === 'crashed';
    const spent = before.spent + (isSpent && !isQuarantined ? 1 : 0);
    must(counts.attempts === before.attempts + 1, `event ${seq} counts the attempt that ran`);
    must(counts.crashes === crashes, `event ${seq} counts its crashes`);
    must(counts.spent === spent, `event ${seq} has spent ${spent}, not ${counts.spent}`);
    const isExhausted = isSpent && spent >= plan.rules.retry.maxAttempts;
    const isDead = outcome.kind === 'permanent' || isQuarantined || isExhausted;
    const expected = outcome.kind === 'delivered' ? 'delivered' : isDead ? 'dead_lettered' : 'retrying';
    must(state === expected, `event ${seq} is ${expected} after ${outcome.kind}, not ${state}`);
    if (state !== 'retrying') return;
    const asked = 'retryAfterMs' in outcome ? Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS) : 0;
    const inMs = nextAttemptInMs ?? 0;
    must(inMs >= asked, 'Retry-After is honoured');
    must(inMs <= Math.max(asked, plan.rules.retry.capMs), 'no backoff is longer than the cap');
    this.#dueAtMs.set(seq, { byBackoff: nowMs + inMs, bySystem: nowMs + asked });
    if (outcome.kind === 'throttled') {
      this.#facts.ramp = 1;
      this.#facts.throttledUntilMs = Math.max(this.#facts.throttledUntilMs, nowMs + asked);
    }
  }

  #seeHeld({ event: { seq }, heldBy }: LaneEffect & { kind: 'tell_held' }): void {
    const { runtimeReady, paused, breaker, throttledUntilMs, nowMs } = this.#facts;
    must(this.#told.get(seq) !== heldBy, `event ${seq} is told once that ${heldBy} holds it`);
    this.#told.set(seq, heldBy);
    const isTrue: Record<HeldBy, boolean> = {
      not_ready: !runtimeReady,
      paused,
      breaker: breaker !== 'closed',
      throttled: throttledUntilMs > nowMs,
      key: this.#facts.journal.delivery(seq).event.key !== '',
    };
    must(isTrue[heldBy], `${heldBy} holds event ${seq}`);
  }
}

const SPENDING: ReadonlySet<Outcome['kind']> = new Set(['retryable', 'timed_out', 'crashed'] as const);

function mustBeEmpty({ deliveries, lines, ready, scheduled, attempting, ...state }: LaneState): void {
  const left = { deliveries: deliveries.size, lines: lines.size, ready: ready.size, scheduled: scheduled.size };
  const { overdue, unrecorded, windowBytes, awaited } = state;
  const counts = { attempting: attempting.size, overdue, unrecorded, windowBytes, awaitedBytes: awaited.bytes };
  const kept = Object.entries({ ...left, ...counts, awaited: awaited.deliveries }).filter(([, size]) => size !== 0);
  must(kept.length === 0, `nothing is kept of what is settled, not ${JSON.stringify(kept)}`);
}

function must(isKept: boolean, promise: string): void {
  if (!isKept) throw new Error(`a promise is broken: ${promise}`);
}
