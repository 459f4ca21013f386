import { randomUUID } from 'node:crypto';
import type { EventInit } from '../sync-client.ts';

/** An event of the model: what its publisher meant. */
export interface ModelEvent {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly json: { readonly value: number };
}

/** All that a hub owes its publishers after one run, as simple as can be. */
export class Model {
  /** Sets this run's keys apart from those of runs before it on the same hub. */
  readonly #run = randomUUID().slice(0, 8);
  /** In the order of their acceptance. */
  readonly accepted: ModelEvent[] = [];
  /** True once dead letters were sent again: a system may then be called for an event after a later one of its key. */
  isReplayed = false;

  newEvent(key: number, value: number): ModelEvent {
    return { id: randomUUID(), type: 'ProcessUpdated', key: `${this.#run}-${key}`, json: { value } };
  }

  accept(event: ModelEvent): void {
    this.accepted.push(event);
  }

  /** One of those that were accepted, by a number that may be past their count. */
  pick(nth: number): ModelEvent {
    const event = this.accepted[nth % this.accepted.length];
    if (event === undefined) throw new RangeError('nothing was accepted yet');
    return event;
  }
}

/** The event as it is published. */
export function published({ id, type, key, json }: ModelEvent): EventInit {
  return { id, type, key, source: 'stateful', payload: { case: 'json', value: json } };
}
