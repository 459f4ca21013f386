import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';

/** The adapters of a whole stack, in the order in which the hub reports them. */
export const ADAPTERS = ['billing', 'records', 'scheduling'];

/** Acks in one order, to compare those of adapters that worked at the same time. */
export function byAdapter(acks: readonly Ack[]): readonly Ack[] {
  return acks.toSorted((a, b) => (a.adapter < b.adapter ? -1 : 1));
}

/** The same without the places that they carry: acks of several adapters come in any order that keeps each adapter's. */
export function withoutPlaces(acks: readonly Ack[]): readonly Omit<Ack, 'cursor'>[] {
  return byAdapter(acks).map(({ cursor: _, ...ack }) => ack);
}

/** "billing DELIVERED": what a test looks at first. */
export function outline(acks: readonly Ack[]): readonly string[] {
  return byAdapter(acks).map(({ adapter, state }) => `${adapter} ${DeliveryState[state]}`);
}

/** The outline of an event that went well everywhere. */
export const DELIVERED_EVERYWHERE = ADAPTERS.map((adapter) => `${adapter} DELIVERED`);
