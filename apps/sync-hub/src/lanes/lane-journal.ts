import type { OpenDelivery } from '../core/delivery.ts';
import type { FetchEffect, RecordEffect } from '../core/lane-effect.ts';
import { type FetchedDelivery, fetchedDelivery } from '../core/lane-input.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import type { BreakerReport } from './breaker.ts';
import type { Clock } from './clock.ts';
import { deliveryRecord } from './delivery-record.ts';

export interface LaneJournalOptions {
  readonly journal: Pick<Journal, 'fetchOpen' | 'record' | 'saveBreaker'>;
  readonly adapter: { readonly id: string };
  readonly clock: Clock;
}

/** A page as the core takes it. */
export interface LanePage {
  readonly deliveries: readonly FetchedDelivery[];
  readonly scannedToSeq: number;
}

/** What one lane reads from the journal and puts there. */
export class LaneJournal {
  readonly #options: LaneJournalOptions;
  #retriedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LaneJournalOptions) {
    this.#options = options;
  }

  /** @param version the adapter's, that made the attempt */
  record(effect: RecordEffect, version: string): void {
    const { journal, adapter, clock } = this.#options;
    journal.record(deliveryRecord(effect, { adapter: { id: adapter.id, version }, nowMs: clock.wallMs() }));
  }

  /** An operator ends every wait: what was recorded before now is due when it is read. */
  retryNow(): void {
    this.#retriedAtMs = this.#options.clock.wallMs();
  }

  /** Undefined when the journal ended: it has told the hub so. */
  async fetch({ of, afterSeq, limit, limitBytes }: FetchEffect): Promise<LanePage | undefined> {
    const { journal, adapter, clock } = this.#options;
    const { kind: _, ...bounds } = of;
    const request = { adapter: adapter.id, afterSeq, limit, limitBytes, ...bounds };
    const page = await journal.fetchOpen(request).catch(unlessEnded);
    if (page === undefined) return undefined;
    const nowMs = clock.wallMs();
    const deliveries = page.deliveries.map((delivery) => fetchedDelivery(delivery, nowMs, this.#retriedAtMs));
    return { deliveries, scannedToSeq: page.scannedToSeq };
  }

  /**
   * One delivery as it is on disk; undefined when it is not open.
   *
   * @throws {JournalError} when the journal ended
   */
  async lookUp(seq: number): Promise<OpenDelivery | undefined> {
    const { journal, adapter } = this.#options;
    const request = { adapter: adapter.id, afterSeq: seq - 1, upToSeq: seq, limit: 1, limitBytes: 0 };
    return (await journal.fetchOpen(request)).deliveries[0];
  }

  saveBreaker({ condition: state, sinceMs, cause }: BreakerReport): void {
    const { journal, adapter } = this.#options;
    journal.saveBreaker({ adapter: adapter.id, state, sinceMs, cause });
  }
}

function unlessEnded(error: unknown): undefined {
  if (!(error instanceof JournalError)) throw error;
}
