import { type DeliveryUpdate, isTerminal } from './delivery-update.ts';

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
