import type { RecordedDelivery } from '../core/delivery.ts';

/**
 * A place in the records of all lanes: of each lane the position of the newest record that lies before it. A lane that
 * is not in it has none before it. Each lane numbers its own records, so places of several hubs need no common order.
 */
export type Positions = ReadonlyMap<string, number>;

/** True when a record lies after a place. */
export function isAfter(
  { adapter, position }: Pick<RecordedDelivery, 'adapter' | 'position'>,
  place: Positions,
): boolean {
  return position > (place.get(adapter) ?? 0);
}

/** True when nothing of the one place lies after the other. */
export function isWithin(place: Positions, bound: Positions): boolean {
  return place.entries().every(([adapter, position]) => position <= (bound.get(adapter) ?? 0));
}

/** The newest place that lies before both. */
export function earlier(left: Positions, right: Positions): Positions {
  const both = left
    .entries()
    .map(([adapter, position]) => [adapter, Math.min(position, right.get(adapter) ?? 0)] as const);
  return new Map(both.filter(([, position]) => position > 0));
}

/** A place that moves on with each record. Its lanes are in alphabetical order, so that one place is always one text. */
export class MovingPlace {
  readonly #place: Map<string, number>;

  constructor(place: Positions) {
    this.#place = new Map([...place].sort(byAdapter));
  }

  /** As it is now: it changes with the next move. */
  get positions(): Positions {
    return this.#place;
  }

  /** To right after a record. */
  move({ adapter, position }: Pick<RecordedDelivery, 'adapter' | 'position'>): void {
    const isKnown = this.#place.has(adapter);
    this.#place.set(adapter, position);
    if (isKnown) return;
    // Once for each adapter of the hub.
    const lanes = [...this.#place].sort(byAdapter);
    this.#place.clear();
    for (const [lane, newest] of lanes) this.#place.set(lane, newest);
  }
}

function byAdapter([left]: readonly [string, number], [right]: readonly [string, number]): number {
  return left < right ? -1 : 1;
}
