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
