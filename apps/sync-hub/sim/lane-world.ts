import type { OpenDelivery } from '../src/core/delivery.ts';
import { createLane, type FetchEffect, type LaneEffect, type LaneInput, type LaneState } from '../src/core/lane.ts';
import { nextWakeMs, step } from '../src/core/step.ts';
import type { FetchResult } from '../src/journal/journal.ts';
import { deliveryRecord } from '../src/lanes/delivery-record.ts';
import { Dice } from './dice.ts';
import { planLane } from './lane-plan.ts';
import { type LaneFacts, LaneWitness } from './lane-witness.ts';
import { outcomeOf, SimulatedAdapter, type SimulatedAttempt } from './simulated-adapter.ts';
import { SimulatedBreaker } from './simulated-breaker.ts';
import { SimulatedJournal, type Told } from './simulated-journal.ts';
import { SimulatedPublisher } from './simulated-publisher.ts';

const WALL_START_MS = 1_790_000_000_000;

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
  readonly #facts: LaneFacts;
  readonly #witness: LaneWitness;
  #state: LaneState;
  /** Pages that were read and have not come to the lane yet. */
  #pages: { effect: FetchEffect; result: FetchResult }[] = [];
  #wallOffsetMs = WALL_START_MS;
  readonly #met = new Map<string, number>();

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
      runtimeReady: false,
      draining: false,
      throttledUntilMs: 0,
      ramp: Number.POSITIVE_INFINITY,
      attempts: this.#adapter.attempts,
      ended: undefined,
    };
    this.#breaker = new SimulatedBreaker({
      facts: this.#facts,
      dice: this.#dice,
      onChange: (breaker) => this.#take({ kind: 'breaker_changed', atMs: this.#facts.nowMs, breaker }),
    });
    this.#witness = new LaneWitness(this.#facts);
    this.#state = this.#createState();
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
    return this.#met;
  }

  #meet(what: string): void {
    this.#met.set(what, (this.#met.get(what) ?? 0) + 1);
  }

  /** What can happen next; a thing that is here twice happens twice as often. */
  #createActions(): readonly (() => void)[] {
    const { pauses, restarts, clockJumps, runtimeStops } = this.#facts.plan;
    const weighted: [number, () => void][] = [
      [12, () => this.#publish()],
      [28, () => this.#commit()],
      [8, () => this.#deliverPage()],
      [27, () => this.#endAttempt()],
      [13, () => this.#passTime(this.#dice.between(0, 300))],
      [5, () => this.#breaker.halfOpen()],
      [3, () => this.#changeRuntime(true)],
      [runtimeStops ? 1 : 0, () => this.#changeRuntime(false)],
      [pauses ? 3 : 0, () => this.#operate()],
      [clockJumps ? 2 : 0, () => this.#jumpClock()],
      [restarts ? 1 : 0, () => (this.#dice.chance(0.2) ? this.#drain() : this.#restart())],
    ];
    return weighted.flatMap(([weight, action]) => new Array<() => void>(weight).fill(action));
  }

  #publish(): void {
    for (const event of this.#publisher.nextEvents()) this.#facts.journal.accept(event, this.#wallMs);
  }

  /** As a journal does: events first, then records; whoever waits for a page hears of it later. */
  #commit(): void {
    const { journal } = this.#facts;
    if (journal.queued === 0) return;
    const told = journal.commit(this.#dice.between(1, journal.queued));
    const accepted = told.filter((one) => one.kind === 'accepted').map(({ delivery }) => delivery);
    if (accepted.length > 0) this.#take({ kind: 'arrived', atMs: this.#facts.nowMs, deliveries: accepted });
    for (const one of told) this.#tell(one);
  }

  #tell(told: Told): void {
    if (told.kind === 'fetched') this.#pages.push(told);
    if (told.kind !== 'recorded') return;
    this.#witness.seeRecorded(told.seq);
    this.#take({ kind: 'recorded', atMs: this.#facts.nowMs, seq: told.seq });
  }

  #deliverPage(): void {
    const page = this.#pages.splice(this.#dice.between(0, this.#pages.length - 1), 1)[0];
    if (page === undefined) return;
    const { effect: fetch, result } = page;
    const withDelay = (delivery: OpenDelivery) => ({ delivery, delayMs: delivery.notBeforeMs - this.#wallMs });
    const { scannedToSeq } = result;
    const deliveries = result.deliveries.map(withDelay);
    this.#take({ kind: 'fetched', atMs: this.#facts.nowMs, fetch, deliveries, scannedToSeq });
  }

  #endAttempt(): void {
    const attempt = this.#dice.pick(this.#adapter.mayEnd);
    if (attempt !== undefined) this.#end(attempt);
  }

  #end(attempt: SimulatedAttempt): void {
    const outcome = this.#adapter.nextOutcome();
    // The breaker judges an overdue attempt at its deadline, and others before the lane hears that they ended.
    if (!attempt.overdue) this.#breaker.judge(outcome);
    this.#adapter.attempts.delete(attempt.seq);
    if (outcome.kind === 'delivered' && !attempt.probe && !attempt.overdue) this.#facts.ramp += 1;
    this.#facts.ended = attempt;
    this.#take({ kind: 'attempt_ended', atMs: this.#facts.nowMs, seq: attempt.seq, outcome });
    this.#facts.ended = undefined;
  }

  /** Time goes on, and the lane's one timer rings if it was due. */
  #passTime(byMs: number): void {
    this.#facts.nowMs += byMs;
    const isEarly = this.#dice.chance(0.1);
    const isDue = nextWakeMs(this.#state) <= this.#facts.nowMs;
    if (isDue || isEarly) this.#take({ kind: 'time_passed', atMs: this.#facts.nowMs });
    this.#witness.seeDeadlines();
  }

  #changeRuntime(ready: boolean): void {
    this.#facts.runtimeReady = ready;
    const runtime = ready ? this.#facts.plan.runtime : ({ kind: 'not_ready' } as const);
    this.#take({ kind: 'runtime_changed', atMs: this.#facts.nowMs, runtime });
  }

  #operate(): void {
    this.#facts.paused = !this.#facts.paused;
    const { nowMs: atMs, paused } = this.#facts;
    const cause = { kind: 'operator', reason: 'maintenance' } as const;
    this.#take(paused ? { kind: 'paused', atMs, cause } : { kind: 'resumed', atMs });
  }

  #jumpClock(): void {
    this.#wallOffsetMs += this.#dice.pick([-86_400_000, -1_000, 1_000, 86_400_000]);
  }

  #drain(): void {
    this.#facts.draining = true;
    this.#take({ kind: 'draining', atMs: this.#facts.nowMs });
  }

  /** kill -9, and up again: all that is not on disk is gone. */
  #restart(): void {
    const { breaker } = this.#facts;
    this.#meet('restart');
    this.#facts.journal.loseQueued();
    this.#adapter.attempts.clear();
    this.#pages = [];
    this.#witness.forget();
    Object.assign(this.#facts, { paused: false, runtimeReady: false, draining: false, throttledUntilMs: 0 });
    this.#breaker.reset();
    this.#state = this.#createState();
    if (breaker !== 'closed') this.#breaker.restore();
    this.#take({ kind: 'time_passed', atMs: this.#facts.nowMs });
  }

  #createState(): LaneState {
    const { plan, journal } = this.#facts;
    const rules = { ...plan.rules, recoveredToSeq: journal.lastSeq };
    return createLane(rules, { seed: this.#dice.between(0, 1_000_000), newestSeq: journal.lastSeq });
  }

  /** No faults any more: everything is to settle, with no other wake-up than the lane asks for. */
  #heal(): void {
    if (this.#facts.draining) this.#restart();
    this.#adapter.heal();
    if (this.#facts.paused) this.#operate();
    if (!this.#facts.runtimeReady) this.#changeRuntime(true);
    const { plan } = this.#facts;
    const roundsMax = 50 + 20 * plan.events;
    for (let round = 0; this.#isBusy(); round += 1) {
      if (round > roundsMax) throw new Error(`not drained within ${roundsMax} rounds`);
      this.#healRound();
    }
    this.#witness.seeEnd(this.#state);
  }

  #isBusy(): boolean {
    const { journal, breaker } = this.#facts;
    const isWaiting = breaker === 'open' || nextWakeMs(this.#state) < Number.POSITIVE_INFINITY;
    return journal.queued > 0 || this.#adapter.mayEnd.length > 0 || this.#pages.length > 0 || isWaiting;
  }

  #healRound(): void {
    const { journal } = this.#facts;
    this.#breaker.halfOpen();
    if (this.#facts.paused) this.#operate();
    if (journal.queued > 0) this.#commit();
    else if (this.#pages.length > 0) this.#deliverPage();
    else if (this.#adapter.mayEnd.length > 0) this.#endAttempt();
    else if (nextWakeMs(this.#state) < Number.POSITIVE_INFINITY) {
      this.#passTime(Math.max(0, nextWakeMs(this.#state) - this.#facts.nowMs));
    }
  }

  #take(input: LaneInput): void {
    this.#meet(input.kind === 'attempt_ended' ? `ended ${input.outcome.kind}` : input.kind);
    const effects = step(this.#state, input);
    this.#witness.seeTogether(effects);
    for (const effect of effects) {
      this.#witness.see(effect);
      this.#perform(effect);
    }
    this.#witness.inspect(this.#state);
    // The breaker hears of each deadline before anything else happens to the lane.
    for (const effect of effects) if (effect.kind === 'abort') this.#breaker.judge(outcomeOf('timed_out'));
  }

  #perform(effect: LaneEffect): void {
    const { journal, attempts } = this.#facts;
    switch (effect.kind) {
      case 'attempt':
        this.#begin(effect);
        break;
      case 'abort': {
        const attempt = attempts.get(effect.seq);
        if (attempt !== undefined) attempt.overdue = true;
        break;
      }
      case 'record':
        journal.record(deliveryRecord(effect, { adapter: journal.adapter, nowMs: this.#wallMs }));
        this.#meet(effect.state);
        break;
      case 'fetch':
        journal.fetch(effect);
        this.#meet(effect.overflowOf === undefined ? 'backlog page' : 'overflow page');
        break;
      case 'tell_held':
        this.#meet(`held by ${effect.heldBy}`);
        break;
      case 'tell_paused':
        break;
      default:
        effect satisfies never;
    }
  }

  #begin(effect: LaneEffect & { kind: 'attempt' }): void {
    const { nowMs, breaker } = this.#facts;
    const probe = breaker === 'half_open';
    this.#facts.probeSent ||= probe;
    this.#adapter.begin(effect, { nowMs, probe });
    this.#meet(probe ? 'probe' : 'attempt');
  }

  get #wallMs(): number {
    return this.#wallOffsetMs + this.#facts.nowMs;
  }
}
