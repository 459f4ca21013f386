import { createLane, type LaneState } from '../../src/core/lane.ts';
import type { LaneEffect } from '../../src/core/lane-effect.ts';
import { fetchedDelivery, type LaneInput } from '../../src/core/lane-input.ts';
import { nextWakeMs, step } from '../../src/core/step.ts';
import { deliveryRecord } from '../../src/lanes/delivery-record.ts';
import type { Dice } from '../dice.ts';
import type { SimulatedAdapter } from './adapter.ts';
import type { LaneFacts } from './facts.ts';
import type { Told } from './journal.ts';
import { LaneWitness } from './witness.ts';

export interface WatchedLaneOptions {
  readonly facts: LaneFacts;
  readonly dice: Dice;
  readonly adapter: SimulatedAdapter;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
  /** Called for each attempt that ran out of time, before anything else happens to the lane. */
  readonly onExpired: () => void;
}

/** What was read, on its way to the lane. */
type Answer = Extract<Told, { kind: 'fetched' | 'looked_up' }>;

/** The core's lane with the ports that perform its effects, and a witness that looks at every step. */
export class WatchedLane {
  readonly #options: WatchedLaneOptions;
  readonly #witness: LaneWitness;
  readonly #met = new Map<string, number>();
  #state: LaneState;
  #answers: Answer[] = [];
  #retriedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: WatchedLaneOptions) {
    this.#options = options;
    this.#witness = new LaneWitness(options.facts);
    this.#state = this.#createState();
  }

  /** What happened and how often, in the order in which it was first met. */
  get met(): ReadonlyMap<string, number> {
    return this.#met;
  }

  get state(): LaneState {
    return this.#state;
  }

  /** When its timer rings; Infinity when it is not set. */
  get wakeMs(): number {
    return nextWakeMs(this.#state);
  }

  /** Something was read and did not come to it yet. */
  get hasAnswers(): boolean {
    return this.#answers.length > 0;
  }

  take(input: LaneInput): void {
    this.#meet(input.kind === 'attempt_ended' ? `ended ${input.outcome.kind}` : input.kind);
    if (input.kind === 'breaker_changed') this.#witness.seeBreaker(input.breaker);
    const effects = step(this.#state, input);
    this.#witness.seeTogether(effects);
    for (const effect of effects) {
      this.#witness.see(effect);
      this.#perform(effect);
    }
    this.#witness.inspect(this.#state);
    for (const effect of effects) if (effect.kind === 'abort') this.#options.onExpired();
  }

  /** As a journal does: events first, then what is recorded and open again; whoever reads hears of it later. */
  tell(told: readonly Told[]): void {
    const { nowMs: atMs, untold } = this.#options.facts;
    for (const one of told) if (one.kind === 'reopened') untold.add(one.delivery.event.seq);
    const deliveries = told.filter((one) => one.kind === 'accepted').map(({ delivery }) => delivery);
    if (deliveries.length > 0) this.take({ kind: 'arrived', atMs, deliveries });
    for (const one of told) this.#tellOne(one);
  }

  /** One of the answers comes, any of them. */
  takeAnswer(): void {
    const { dice, facts, wallMs } = this.#options;
    const answer = this.#answers.splice(dice.between(0, this.#answers.length - 1), 1)[0];
    if (answer === undefined) return;
    const { nowMs: atMs } = facts;
    if (answer.kind === 'looked_up') {
      this.take({ kind: 'looked_up', atMs, lookUp: answer.effect, delivery: answer.delivery });
      return;
    }
    const { effect: fetch, result } = answer;
    const nowWallMs = wallMs();
    const { scannedToSeq } = result;
    this.take({
      kind: 'fetched',
      atMs,
      fetch,
      deliveries: result.deliveries.map((delivery) => fetchedDelivery(delivery, nowWallMs, this.#retriedAtMs)),
      scannedToSeq,
    });
  }

  /** The process died and is up again: all that is not on disk is gone. */
  restart(): void {
    this.#meet('restart');
    this.#answers = [];
    this.#retriedAtMs = Number.NEGATIVE_INFINITY;
    this.#witness.forget();
    this.#state = this.#createState();
  }

  /** An operator retries now: nothing has to wait out its time. */
  endWaits(): void {
    this.#retriedAtMs = this.#options.wallMs();
    this.#witness.endWaits();
  }

  /** After its timer had the chance to ring. */
  seeDeadlines(): void {
    this.#witness.seeDeadlines();
  }

  /** When nothing is left to happen. */
  seeEnd(): void {
    this.#witness.seeEnd(this.#state);
  }

  #createState(): LaneState {
    const { facts, dice } = this.#options;
    const { plan, journal } = facts;
    const rules = { ...plan.rules, recoveredToSeq: journal.lastSeq };
    const deadLetters = journal.deadLetters.map(({ event }) => event).filter(({ key }) => key !== '');
    return createLane(rules, { seed: dice.between(0, 1_000_000), newestSeq: journal.lastSeq, deadLetters });
  }

  #tellOne(told: Told): void {
    const { nowMs: atMs, untold } = this.#options.facts;
    switch (told.kind) {
      case 'recorded':
        this.#witness.seeRecorded(told.seq);
        this.take({ kind: 'recorded', atMs, seq: told.seq });
        break;
      case 'dead_letter_discarded':
        this.take({ kind: 'dead_letter_discarded', atMs, seq: told.seq });
        break;
      case 'reopened':
        untold.delete(told.delivery.event.seq);
        this.#witness.seeReopened(told);
        this.take({ kind: 'reopened', atMs, delivery: told.delivery, mayFollowNewer: told.mayFollowNewer });
        break;
      case 'fetched':
      case 'looked_up':
        this.#answers.push(told);
        break;
      case 'accepted':
      case 'nothing':
        break;
      default:
        told satisfies never;
    }
  }

  #perform(effect: LaneEffect): void {
    const { facts, adapter, wallMs } = this.#options;
    const { journal } = facts;
    switch (effect.kind) {
      case 'attempt':
        this.#begin(effect);
        break;
      case 'abort':
        adapter.expire(effect.seq);
        break;
      case 'record':
        journal.record(deliveryRecord(effect, { adapter: journal.adapter, nowMs: wallMs() }));
        this.#meet(effect.state === 'dead_lettered' && effect.attempt === undefined ? 'not sent' : effect.state);
        break;
      case 'fetch':
        journal.fetch(effect);
        this.#meet(`${effect.of.kind} page`);
        break;
      case 'look_up':
        journal.lookUp(effect);
        break;
      case 'tell_held':
        this.#meet(`held by ${effect.heldBy}`);
        break;
      case 'tell_kept':
        this.#meet('kept');
        break;
      case 'tell_paused':
        break;
      default:
        effect satisfies never;
    }
  }

  #begin(effect: LaneEffect & { kind: 'attempt' }): void {
    const { facts, adapter } = this.#options;
    const { nowMs, breaker, asked } = facts;
    const probe = breaker === 'half_open' || asked === effect.event.seq;
    facts.probeSent ||= breaker === 'half_open';
    adapter.begin(effect, { nowMs, probe });
    this.#meet(probe ? 'probe sent' : 'attempt');
  }

  #meet(what: string): void {
    this.#met.set(what, (this.#met.get(what) ?? 0) + 1);
  }
}
