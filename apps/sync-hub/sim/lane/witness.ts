import type { ReopenedDelivery } from '../../src/core/delivery.ts';
import type { BreakerCondition, HeldBy, LaneState } from '../../src/core/lane.ts';
import type { LaneEffect, RecordEffect } from '../../src/core/lane-effect.ts';
import type { ReplayStanding } from '../replay.ts';
import { type LaneFacts, must } from './facts.ts';
import { inspectLane, mustBeEmpty } from './inspection.ts';
import { type DeliveryInJournal, isSettled } from './journal.ts';
import { OutcomeWitness } from './outcome-witness.ts';

/** Watches one lane keep its promises, by rules that are written as plainly as can be. Throws at the first breach. */
export class LaneWitness {
  readonly #facts: LaneFacts;
  readonly #outcomes: OutcomeWitness;
  readonly #everAttempted = new Set<number>();
  readonly #recording = new Set<number>();
  readonly #told = new Map<number, HeldBy>();
  readonly #replayed = new Map<number, ReplayStanding>();

  constructor(facts: LaneFacts) {
    this.#facts = facts;
    this.#outcomes = new OutcomeWitness(facts);
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
      case 'look_up':
        must(this.#facts.givenUp.has(effect.seq), `event ${effect.seq} is looked up because a person gives it up`);
        break;
      case 'tell_kept':
        this.#seeKept(effect.seq);
        break;
      case 'tell_paused':
        this.#facts.paused = true;
        break;
      default:
        effect satisfies never;
    }
  }

  /** The breaker changed, before the lane hears of it. */
  seeBreaker(breaker: BreakerCondition): void {
    if (breaker !== 'closed') this.#outcomes.seeOutage();
  }

  /** A record is on disk. */
  seeRecorded(seq: number): void {
    this.#recording.delete(seq);
  }

  /** A dead letter begins a new life. */
  seeReopened({ delivery, mayFollowNewer }: Pick<ReopenedDelivery, 'delivery' | 'mayFollowNewer'>): void {
    const { seq } = delivery.event;
    this.#outcomes.forget(seq);
    this.#replayed.set(seq, mayFollowNewer ? 'may_follow' : 'may_not_follow');
  }

  /** An operator retries now: nothing has to wait out its time. */
  endWaits(): void {
    this.#outcomes.endWaits();
  }

  /** The process died: what it knew is gone, what it did is not. */
  forget(): void {
    this.#recording.clear();
    this.#outcomes.forgetAll();
    this.#told.clear();
    this.#replayed.clear();
    this.#facts.suspects.clear();
    this.#facts.givenUp.clear();
  }

  /** After every step. */
  inspect(state: LaneState): void {
    // One that gave its place to others is told again when it comes back, and the lane has forgotten its suspicion.
    for (const seq of this.#told.keys()) if (!state.deliveries.has(seq)) this.#told.delete(seq);
    for (const seq of this.#facts.suspects) if (!state.deliveries.has(seq)) this.#facts.suspects.delete(seq);
    for (const seq of this.#outcomes.waiting) if (!state.deliveries.has(seq)) this.#outcomes.forgetMemoryOf(seq);
    inspectLane(state, this.#facts, this.#recording);
  }

  /** After the lane's timer had its chance to ring. */
  seeDeadlines(): void {
    const { attempts, nowMs } = this.#facts;
    const late = attempts.values().find((attempt) => !attempt.overdue && attempt.deadlineAtMs <= nowMs);
    must(late === undefined, `event ${late?.seq} is stopped at its deadline`);
  }

  /** When nothing is left to happen: all is settled, but for what code that never returns holds, which is its key and,
   * with enough of it, the whole window, and but for what waits behind a dead letter. */
  seeEnd(state: LaneState): void {
    const { journal, attempts, givenUp } = this.#facts;
    const hanging = [...attempts.values()];
    const isHeld = ({ event }: DeliveryInJournal) =>
      this.#deadLetterBefore(event) !== undefined ||
      hanging.some((attempt) => attempt.seq === event.seq || (event.key !== '' && attempt.key === event.key));
    const forgotten = journal.deliveries.filter((delivery) => !isSettled(delivery) && !isHeld(delivery));
    const { deliveries, bytes } = state.rules.window;
    const isFull = state.deliveries.size >= deliveries || state.windowBytes >= bytes;
    const seqs = forgotten.map(({ event }) => event.seq);
    must(seqs.length === 0 || (hanging.length > 0 && isFull), `all is delivered in the end, also ${seqs}`);
    must(givenUp.size === 0, `whoever gave up ${[...givenUp]} has an answer`);
    if (hanging.length === 0) mustBeEmpty(state);
  }

  #deadLetterBefore({ key, seq }: { key: string; seq: number }): DeliveryInJournal | undefined {
    const { journal, plan } = this.#facts;
    if (plan.rules.onDeadLetter === 'continue' || key === '') return undefined;
    return journal.deadLetters.find(({ event }) => event.key === key && event.seq < seq);
  }

  #seeAttempt({ event, number, redelivered, timeoutMs }: LaneEffect & { kind: 'attempt' }): void {
    const { journal, nowMs, runtime, attempts, breaker, asked, untold } = this.#facts;
    const { seq, key } = event;
    const delivery = journal.delivery(seq);
    const isAsked = asked === seq;
    this.#mustBeOpen(seq);
    must(!isSettled(delivery), `event ${seq} is attempted only while it is not settled`);
    must(!this.#recording.has(seq), `event ${seq} is attempted again only when its last outcome is on disk`);
    must(runtime.accepts === 'all' || runtime.accepts.has(event.type), 'only types that it takes are attempted');
    must(
      number === delivery.attempts + 1,
      `attempt ${number} of event ${seq} follows the ${delivery.attempts} on disk`,
    );
    must(redelivered || !this.#everAttempted.has(seq), `event ${seq} says that it may have taken effect before`);
    must(timeoutMs === runtime.attemptTimeoutMs, 'an attempt has the time that the adapter asked for');
    if (key !== '') {
      const running = attempts.values().find((attempt) => attempt.key === key);
      must(running === undefined, `key ${key} has one live attempt`);
      const ofKey = journal.deliveries.filter((other) => other.event.key === key && !untold.has(other.event.seq));
      // What was not sent is settled on disk before anything that comes to its key after it.
      const earlier = ofKey.find((other) => !isSettled(other) && this.#replayed.get(other.event.seq) !== 'not_sent');
      must(earlier?.event.seq === seq, `event ${seq} of ${key} waits for ${earlier?.event.seq} to be settled on disk`);
      const deadLetter = this.#deadLetterBefore(event)?.event.seq;
      must(deadLetter === undefined, `event ${seq} of ${key} is held by the dead letter ${deadLetter}`);
      const newer = ofKey.find((other) => other.event.seq > seq && other.state === 'delivered')?.event.seq;
      must(
        newer === undefined || this.#replayed.get(seq) !== 'may_not_follow',
        `event ${seq} of ${key} was replayed and does not follow ${newer}, unless told so`,
      );
    }
    const due = this.#outcomes.dueAtMs(seq);
    if (due !== undefined && !isAsked) {
      must(nowMs >= due.bySystem, `event ${seq} waits as long as the external system asked`);
      must(nowMs >= due.byBackoff || breaker === 'half_open', `event ${seq} waits out its backoff`);
    }
    this.#outcomes.seeAttempt(seq);
    this.#everAttempted.add(seq);
    this.#told.delete(seq);
  }

  /** The gate, as anybody would put it. */
  #mustBeOpen(seq: number): void {
    const { attempts, nowMs, breaker, probeSent, paused, runtime, runtimeReady, draining } = this.#facts;
    const { suspects, throttledUntilMs, asked, ramp } = this.#facts;
    must(runtimeReady, 'nothing is attempted before the adapter is ready');
    must(!draining, 'nothing is attempted while draining');
    must(breaker !== 'open', 'nothing is attempted while the breaker is open');
    const onTime = [...attempts.values()].filter((attempt) => !attempt.overdue);
    must(!suspects.has(seq) || onTime.length === 0, `event ${seq} may have broken the adapter and runs alone`);
    const suspect = onTime.find((attempt) => suspects.has(attempt.seq));
    must(suspect === undefined, `nothing runs beside event ${suspect?.seq}, which may have broken the adapter`);
    if (breaker === 'half_open') must(!probeSent, 'half-open sends one');
    if (asked === seq) return;
    must(!paused, 'nothing is attempted while paused');
    must(throttledUntilMs <= nowMs, 'nothing is attempted while throttled');
    if (breaker === 'half_open') must(onTime.length === 0, 'half-open sends one after the earlier ones ended');
    else must(onTime.length === 0 || attempts.size < runtime.concurrency, 'no more run than the adapter takes');
    must(onTime.length < ramp, 'after trouble the lane begins with one at a time');
  }

  #seeAbort(seq: number): void {
    const attempt = this.#facts.attempts.get(seq);
    must(attempt !== undefined && !attempt.overdue, `event ${seq} runs and is aborted once`);
    must(attempt.deadlineAtMs <= this.#facts.nowMs, `event ${seq} is aborted at its deadline`);
  }

  #seeRecord(effect: RecordEffect): void {
    const { seq, type } = effect.event;
    const { runtime, journal, givenUp } = this.#facts;
    must(!this.#recording.has(seq), `event ${seq} has one record on its way`);
    const before = journal.delivery(seq);
    must(!isSettled(before), `event ${seq} is settled once`);
    this.#recording.add(seq);
    if (effect.attempt !== undefined) {
      this.#outcomes.see(effect, effect.attempt.outcome);
      return;
    }
    must(effect.counts.attempts === before.attempts, `event ${seq} counts no attempt where none was`);
    if (effect.state === 'discarded') {
      must(givenUp.delete(seq), `event ${seq} is discarded because a person gives it up`);
    } else if (effect.state === 'dead_lettered') {
      const mayFollow = this.#replayed.get(seq) !== 'may_not_follow' || !this.#isNewerOnItsWay(effect.event);
      must(!mayFollow, `event ${seq} is not sent because a newer one of its key is on its way, and for nothing else`);
      this.#replayed.set(seq, 'not_sent');
    } else {
      must(effect.state === 'skipped', 'without an attempt there is nothing to say but skipped');
      must(runtime.accepts !== 'all' && !runtime.accepts.has(type), 'what the adapter takes is not skipped');
    }
  }

  #isNewerOnItsWay({ seq, key }: { seq: number; key: string }): boolean {
    const { attempts, journal } = this.#facts;
    const running = [...attempts.keys(), ...this.#recording].filter((other) => other > seq);
    return key !== '' && running.some((other) => journal.delivery(other).event.key === key);
  }

  #seeKept(seq: number): void {
    const { givenUp, journal, attempts } = this.#facts;
    must(givenUp.delete(seq), `event ${seq} is left alone though a person gives it up`);
    const delivery = journal.delivery(seq);
    // One that was replayed meanwhile was none that could be given up when the lane looked.
    const isBusy = attempts.has(seq) || this.#recording.has(seq) || delivery.cycle > 1;
    must(isBusy || isSettled(delivery), `event ${seq} can be given up`);
  }

  #seeHeld({ event: { seq }, heldBy }: LaneEffect & { kind: 'tell_held' }): void {
    const { runtimeReady, paused, breaker, throttledAtMostUntilMs, nowMs } = this.#facts;
    must(this.#told.get(seq) !== heldBy, `event ${seq} is told once that ${heldBy} holds it`);
    this.#told.set(seq, heldBy);
    const isTrue: Record<HeldBy, boolean> = {
      not_ready: !runtimeReady,
      paused,
      breaker: breaker !== 'closed',
      throttled: throttledAtMostUntilMs > nowMs,
      key: this.#facts.journal.delivery(seq).event.key !== '',
    };
    must(isTrue[heldBy], `${heldBy} holds event ${seq}`);
  }
}
