import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';

/** Something that a caller who waits for an event is told. */
export type Tell =
  | { readonly kind: 'recorded'; readonly record: RecordedDelivery }
  | { readonly kind: 'held'; readonly held: HeldDelivery };

/** True for the last tell of a delivery's cycle. */
export function isTerminal(tell: Tell): boolean {
  return tell.kind === 'recorded' && tell.record.state !== 'retrying';
}
