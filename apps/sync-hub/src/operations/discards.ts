import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../lanes/clock.ts';
import type { LaneSet } from '../lanes/lane-set.ts';
import type { DeliveryFinder, DeliveryQuery, SeenDelivery } from './delivery-query.ts';

export interface DiscardsOptions {
  readonly journal: Pick<Journal, 'discard'>;
  readonly lanes: Pick<LaneSet, 'get'>;
  readonly finder: DeliveryFinder;
  readonly clock: Pick<Clock, 'wallMs' | 'monotonicMs'>;
}

/** Discards deliveries for an operator. Settled ones do not match, whatever the query says. */
export class Discards {
  readonly #options: DiscardsOptions;

  constructor(options: DiscardsOptions) {
    this.#options = options;
  }

  /**
   * Discards all that are meant, a page at a time, until the signal aborts; answers how many there were, once they are on disk. One
   * whose attempt runs is left to its outcome.
   */
  async run(query: DeliveryQuery, reason: string, signal: AbortSignal): Promise<number> {
    let discarded = 0;
    for await (const page of this.#options.finder.pages(query, signal)) {
      const unsettled = page.filter(({ state }) => UNSETTLED.has(state));
      for (const [adapter, deliveries] of Map.groupBy(unsettled, (delivery) => delivery.adapter)) {
        discarded += await this.#discard(adapter, deliveries, reason);
      }
    }
    return discarded;
  }

  /** A page holds no more than a lane discards at once. */
  #discard(adapter: string, deliveries: readonly SeenDelivery[], reason: string): Promise<number> {
    const seqs = deliveries.map(({ seq }) => seq);
    // Without a lane nobody attempts them, and the journal settles each once.
    return this.#options.lanes.get(adapter)?.discard(seqs, reason) ?? this.#discardWithoutLane(adapter, seqs, reason);
  }

  async #discardWithoutLane(adapter: string, seqs: readonly number[], reason: string): Promise<number> {
    const { journal, clock } = this.#options;
    const at = { atMs: clock.wallMs(), nowMs: clock.monotonicMs() };
    const results = await Promise.all(seqs.map((seq) => journal.discard({ adapter, seq, ...at, reason })));
    return results.filter(({ kind }) => kind === 'discarded').length;
  }
}

const UNSETTLED: ReadonlySet<string> = new Set(['waiting', 'retrying', 'dead_lettered']);
