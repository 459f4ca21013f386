import type { SyncEvent } from '../../src/core/event.ts';
import type { Dice } from '../dice.ts';
import { type LanePlan, OTHER_TYPE, TAKEN_TYPE } from './plan.ts';

/** Hands in the events of one schedule, a few at a time, of keys, types and sizes as the dice say. */
export class SimulatedPublisher {
  readonly #plan: LanePlan;
  readonly #dice: Dice;
  #published = 0;

  constructor(plan: LanePlan, dice: Dice) {
    this.#plan = plan;
    this.#dice = dice;
  }

  /** The next events, in order; none once all that the plan has were published. */
  nextEvents(): readonly SyncEvent[] {
    const count = Math.min(this.#dice.between(1, 4), this.#plan.events - this.#published);
    return Array.from({ length: count }, () => this.#nextEvent());
  }

  #nextEvent(): SyncEvent {
    const { distinctKeys, keys, payloadBytesMax, poison } = this.#plan;
    this.#published += 1;
    return {
      id: `event-${this.#published}`,
      source: 'sim',
      type: this.#dice.chance(0.8) ? TAKEN_TYPE : OTHER_TYPE,
      key: distinctKeys ? `key-${this.#published}` : this.#dice.pick(keys),
      timeMs: 0,
      data: new Uint8Array(this.#dice.between(0, payloadBytesMax)),
      dataContentType: '',
      attributes: this.#dice.chance(poison.share) ? POISON : {},
    };
  }
}

const POISON = { poison: 'yes' } as const;

/** True for an event that fails at every attempt until it is cured. */
export function isPoison({ attributes }: Pick<SyncEvent, 'attributes'>): boolean {
  return attributes.poison !== undefined;
}
