import type { Outcome } from '../../src/core/outcome.ts';
import { Dice } from '../dice.ts';
import { outcomeOf, SimulatedAdapter, type SimulatedAttempt } from './adapter.ts';
import { SimulatedBreaker } from './breaker.ts';
import type { LaneFacts } from './facts.ts';
import { isSettled, SimulatedJournal } from './journal.ts';
import { SimulatedOperator } from './operator.ts';
import { planLane, WALL_START_MS } from './plan.ts';
import { isPoison, SimulatedPublisher } from './publisher.ts';
import { WatchedLane } from './watched-lane.ts';

/** How long the breaker stays open when the world is well. */
const OPEN_MS = 15_000;

/** More than a system may ask for. */
const LONGEST_WAIT_MS = 1.5 * 3_600_000;

/** A delivery that gave its place to others is read again with what the clock says: when that was set back meanwhile,
 * nobody knows how much of its wait has passed, and it may wait as long once more. */
const LONGEST_WAIT_BY_A_CLOCK_SET_BACK_MS = 2 * LONGEST_WAIT_MS;

/**
 * One lane in a world of faults that all come from one seed: a journal that commits late or dies, an adapter that
 * fails in every way, a breaker that opens at any time it may, operators, clocks. After the faults it heals the world
 * and sees to it that everything is delivered.
 */
export class LaneWorld {
  readonly #dice: Dice;
  readonly #publisher: SimulatedPublisher;
  readonly #adapter: SimulatedAdapter;
  readonly #breaker: SimulatedBreaker;
  readonly #operator: SimulatedOperator;
  readonly #facts: LaneFacts;
  readonly #lane: WatchedLane;
  #wallOffsetMs = WALL_START_MS;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
    const plan = planLane(this.#dice);
    this.#publisher = new SimulatedPublisher(plan, this.#dice);
    this.#adapter = new SimulatedAdapter(plan, this.#dice);
    this.#facts = {
      plan,
      journal: new SimulatedJournal(),
      nowMs: 0,
      breaker: 'closed',
      probeSent: false,
      paused: false,
      runtime: plan.runtimes[0],
      runtimeReady: false,
      draining: false,
      throttledUntilMs: 0,
      throttledAtMostUntilMs: 0,
      breakerClosedAtMs: 0,
      isInWindow: (seq) => this.#lane.state.deliveries.has(seq),
      ramp: Number.POSITIVE_INFINITY,
      attempts: this.#adapter.attempts,
      ended: undefined,
      asked: undefined,
      givenUp: new Set(),
      untold: new Set(),
      suspects: new Set(),
    };
    this.#lane = new WatchedLane({
      facts: this.#facts,
      dice: this.#dice,
      adapter: this.#adapter,
      wallMs: () => this.#wallMs,
      onExpired: () => this.#breaker.judge(outcomeOf('timed_out')),
    });
    this.#breaker = new SimulatedBreaker({
      facts: this.#facts,
      dice: this.#dice,
      onChange: (breaker) => this.#lane.take({ kind: 'breaker_changed', atMs: this.#facts.nowMs, breaker }),
    });
    this.#operator = new SimulatedOperator({
      facts: this.#facts,
      dice: this.#dice,
      breaker: this.#breaker,
      state: () => this.#lane.state,
      wallMs: () => this.#wallMs,
      take: (input) => this.#lane.take(input),
      onRetryNow: () => this.#lane.endWaits(),
    });
  }

  /**
   * Plays the schedule to its end.
   *
   * @returns what was met and how often, in the order in which it was first met
   * @throws {Error} that names the promise that was broken
   */
  run(): ReadonlyMap<string, number> {
    const actions = this.#createActions();
    for (let count = this.#facts.plan.actions; count > 0; count -= 1) this.#dice.pick(actions)?.();
    this.#heal();
    return this.#lane.met;
  }

  /** What can happen next; a thing that is here twice happens twice as often. */
  #createActions(): readonly (() => void)[] {
    const { pauses, probes, replays, discards, restarts, clockJumps, runtimeStops, runtimes } = this.#facts.plan;
    const weighted: [number, () => void][] = [
      [12, () => this.#publish()],
      [28, () => this.#commit()],
      [8, () => this.#lane.takeAnswer()],
      [27, () => this.#endAttempt()],
      [13, () => this.#passTime(this.#dice.between(0, 300))],
      [5, () => this.#breaker.halfOpen()],
      [runtimes.length > 1 ? 6 : 3, () => this.#changeRuntime(true)],
      [runtimeStops ? 1 : 0, () => this.#changeRuntime(false)],
      [pauses ? 3 : 0, () => this.#operator.pauseOrResume()],
      [probes ? 4 : 0, () => this.#operator.probe()],
      [probes ? 1 : 0, () => this.#operator.retryNow()],
      [replays ? 6 : 0, () => this.#operator.replay()],
      [discards ? 3 : 0, () => this.#operator.discard()],
      [clockJumps ? 2 : 0, () => this.#jumpClock()],
      [restarts ? 1 : 0, () => (this.#dice.chance(0.2) ? this.#drain() : this.#restart())],
    ];
    return weighted.flatMap(([weight, action]) => new Array<() => void>(weight).fill(action));
  }

  #publish(): void {
    for (const event of this.#publisher.nextEvents()) this.#facts.journal.accept(event, this.#wallMs);
  }

  #commit(): void {
    const { journal } = this.#facts;
    if (journal.queued > 0) this.#lane.tell(journal.commit(this.#dice.between(1, journal.queued)));
  }

  #endAttempt(): void {
    const attempt = this.#dice.pick(this.#adapter.mayEnd);
    if (attempt === undefined) return;
    const outcome = this.#adapter.nextOutcome(attempt);
    const isPoisonous = attempt.isPoison && outcome.kind === 'crashed';
    const broken = isPoisonous ? [...this.#adapter.attempts.values()] : [attempt];
    if (isPoisonous && this.#dice.chance(0.5)) this.#changeRuntime(false);
    for (const one of broken) this.#end(one, isPoisonous ? { ...outcome, suspects: broken.length } : outcome);
  }

  #end(attempt: SimulatedAttempt, outcome: Outcome): void {
    // The breaker judges an overdue attempt at its deadline, and others before the lane hears that they ended.
    if (!attempt.overdue) this.#breaker.judge(outcome);
    this.#adapter.attempts.delete(attempt.seq);
    if (outcome.kind === 'delivered' && !attempt.probe && !attempt.overdue) this.#facts.ramp += 1;
    this.#facts.ended = attempt;
    this.#lane.take({ kind: 'attempt_ended', atMs: this.#facts.nowMs, seq: attempt.seq, outcome });
    this.#facts.ended = undefined;
  }

  /** Time goes on, and the lane's one timer rings if it was due. */
  #passTime(byMs: number): void {
    this.#facts.nowMs += byMs;
    const isEarly = this.#dice.chance(0.1);
    const isDue = this.#lane.wakeMs <= this.#facts.nowMs;
    if (isDue || isEarly) this.#lane.take({ kind: 'time_passed', atMs: this.#facts.nowMs });
    this.#lane.seeDeadlines();
  }

  /** The adapter runs, perhaps in another version than before, or does not. */
  #changeRuntime(ready: boolean): void {
    this.#facts.runtimeReady = ready;
    if (ready) this.#facts.runtime = this.#dice.pick(this.#facts.plan.runtimes);
    const runtime = ready ? this.#facts.runtime : ({ kind: 'not_ready' } as const);
    this.#lane.take({ kind: 'runtime_changed', atMs: this.#facts.nowMs, runtime });
  }

  #jumpClock(): void {
    this.#wallOffsetMs += this.#dice.pick([-86_400_000, -1_000, 1_000, 86_400_000]);
  }

  #drain(): void {
    this.#facts.draining = true;
    this.#lane.take({ kind: 'draining', atMs: this.#facts.nowMs });
  }

  /** kill -9, and up again: all that is not on disk is gone. */
  #restart(): void {
    const { breaker } = this.#facts;
    this.#facts.journal.loseQueued();
    this.#adapter.attempts.clear();
    Object.assign(this.#facts, { paused: false, runtimeReady: false, draining: false, throttledUntilMs: 0 });
    this.#facts.throttledAtMostUntilMs = 0;
    this.#breaker.reset();
    this.#lane.restart();
    if (breaker !== 'closed') this.#breaker.restore();
    this.#lane.take({ kind: 'time_passed', atMs: this.#facts.nowMs });
  }

  /** No faults any more: everything is to settle, with no other wake-up than the lane asks for. */
  #heal(): void {
    if (this.#facts.draining) this.#restart();
    this.#adapter.heal();
    if (this.#facts.paused) this.#operator.pauseOrResume();
    if (!this.#facts.runtimeReady) this.#changeRuntime(true);
    if (this.#facts.plan.poison.kind === 'retryable')
      this.#healUntil('what is not poisonous is delivered', () => this.#isGoodDone());
    this.#adapter.cure();
    this.#healUntil('all is drained', () => !this.#isBusy());
    for (let round = 0; this.#operator.hasDecisions && this.#adapter.attempts.size === 0; round += 1) {
      if (round > this.#facts.plan.events) throw new Error('dead letters hold their keys for ever');
      this.#operator.decide();
      this.#healUntil('what was held is drained', () => !this.#isBusy());
    }
    this.#lane.seeEnd();
  }

  /** In bounded time: an hour that a system asked for is 240 times that the breaker opens, of a few rounds each, or any
   * number of attempts of what is poisonous. */
  #healUntil(what: string, isDone: () => boolean): void {
    const { events, clockJumps } = this.#facts.plan;
    const roundsMax = 2_000 + 60 * events;
    const longestMs = clockJumps ? LONGEST_WAIT_BY_A_CLOCK_SET_BACK_MS : LONGEST_WAIT_MS;
    const beganMs = this.#facts.nowMs;
    for (let round = 0; !isDone(); round += 1) {
      if (round > roundsMax && this.#facts.nowMs - beganMs > longestMs)
        throw new Error(`a promise is broken: ${what} within ${roundsMax} rounds`);
      this.#healRound();
    }
  }

  /** True when only what fails is left, and what comes after it with its key, or behind code that does not return. */
  #isGoodDone(): boolean {
    if (!this.#isBusy() || this.#adapter.attempts.values().some(({ hangs }) => hangs)) return true;
    const blocked = new Set<string>();
    return this.#facts.journal.deliveries.every((delivery) => {
      const { key } = delivery.event;
      const isBad = isPoison(delivery.event) || blocked.has(key) || delivery.state === 'dead_lettered';
      if (isBad && key !== '' && delivery.state !== 'delivered') blocked.add(key);
      return isBad || isSettled(delivery);
    });
  }

  #isBusy(): boolean {
    const { journal, breaker } = this.#facts;
    const isWaiting = breaker === 'open' || this.#lane.wakeMs < Number.POSITIVE_INFINITY;
    return journal.queued > 0 || this.#adapter.mayEnd.length > 0 || this.#lane.hasAnswers || isWaiting;
  }

  #healRound(): void {
    const { journal } = this.#facts;
    if (this.#facts.breaker === 'open') this.#passTime(OPEN_MS);
    this.#breaker.halfOpen();
    if (this.#facts.paused) this.#operator.pauseOrResume();
    if (!this.#facts.runtimeReady) this.#changeRuntime(true);
    if (journal.queued > 0) this.#commit();
    else if (this.#lane.hasAnswers) this.#lane.takeAnswer();
    else if (this.#adapter.mayEnd.length > 0) this.#endAttempt();
    else if (this.#lane.wakeMs < Number.POSITIVE_INFINITY) {
      this.#passTime(Math.max(0, this.#lane.wakeMs - this.#facts.nowMs));
    }
  }

  get #wallMs(): number {
    return this.#wallOffsetMs + this.#facts.nowMs;
  }
}
