import type { DeliveryCounts, RecordedDelivery } from '../core/delivery.ts';
import type { EventIdentity } from '../core/event.ts';
import type { HeldBy } from '../core/lane-messages.ts';

/** A delivery that may not be attempted now. Reported as it happens and not kept. */
export interface HeldDelivery extends DeliveryCounts {
  readonly adapter: string;
  readonly seq: number;
  readonly eventId: EventIdentity['id'];
  readonly source: EventIdentity['source'];
  readonly heldBy: HeldBy;
  /** In milliseconds since 1970 by the hub's clock. */
  readonly atMs: number;
}

/** What happened to a delivery, for callers who wait for its event. */
export type DeliveryUpdate =
  | { readonly kind: 'recorded'; readonly record: RecordedDelivery }
  | { readonly kind: 'held'; readonly held: HeldDelivery };

/** True for the last update of a delivery's cycle. */
export function isTerminal(update: DeliveryUpdate): boolean {
  return update.kind === 'recorded' && update.record.state !== 'retrying';
}

/** What a caller waits for. */
export type Until = 'accepted' | 'first_attempt' | 'settled';

/** How far the deliveries of one event have come, for a caller who waits until something. */
export class Progress {
  readonly until: Until;
  readonly #pending: Set<string>;

  constructor(adapters: readonly string[], until: Until) {
    this.until = until;
    this.#pending = new Set(until === 'accepted' ? [] : adapters);
  }

  /** True once every delivery has come as far as the caller waits for. */
  get isDone(): boolean {
    return this.#pending.size === 0;
  }

  /** True while this adapter's delivery has not. */
  isPending(adapter: string): boolean {
    return this.#pending.has(adapter);
  }

  apply(update: DeliveryUpdate): void {
    if (update.kind !== 'recorded') return;
    if (this.until === 'first_attempt' || isTerminal(update)) this.#pending.delete(update.record.adapter);
  }
}
