import { type DeliveryState, isOpen } from '../core/delivery.ts';
import type { HeldBy } from '../core/lane-messages.ts';
import type { DeliveryFilter } from '../journal/delivery-filter.ts';
import { NOT_DELIVERED } from '../journal/delivery-filter.ts';
import type { DeliveryPosition, ListedDelivery } from '../journal/delivery-page.ts';
import type { Journal } from '../journal/journal.ts';
import type { LaneSet } from '../lanes/lane-set.ts';

/** The state of a delivery as an operator sees it: what may not be attempted now is held, whatever is on record. */
export type SeenState = DeliveryState | 'held';

/** Which deliveries an operator means. */
export interface DeliveryQuery {
  /** Its states are left out: they are the next field's. */
  readonly filter: Omit<DeliveryFilter, 'states'>;
  /** Empty: all that are not delivered. */
  readonly states: readonly SeenState[];
}

export interface SeenDelivery extends ListedDelivery {
  /** What holds it; undefined when nothing does, or it is settled. */
  readonly heldBy: HeldBy | undefined;
}

export interface SeenPage {
  /** May be fewer than were asked for, even none, while there is a next page. */
  readonly deliveries: readonly SeenDelivery[];
  readonly next: DeliveryPosition | undefined;
}

export interface DeliveryFinderOptions {
  readonly journal: Pick<Journal, 'listDeliveries' | 'countDeliveriesOf'>;
  readonly lanes: Pick<LaneSet, 'heldBy'>;
}

/** This many are read at a time: with the longest errors half a megabyte, from the journal's thread to this one. */
const PAGE_DELIVERIES = 256;
/** Requests of the journal that may go into one page: a filter that matches few is answered in parts. */
const READS_PER_PAGE = 16;

/** Finds deliveries as operators see them: the journal knows what is on record and held by its key, lanes what their gates hold. */
export class DeliveryFinder {
  readonly #options: DeliveryFinderOptions;

  constructor(options: DeliveryFinderOptions) {
    this.#options = options;
  }

  /** @param request.limit the page holds at most this many; `after`: `next` of the page before */
  async page(query: DeliveryQuery, request: { limit: number; after: DeliveryPosition | undefined }): Promise<SeenPage> {
    const filter = recordedFilter(query);
    const deliveries: SeenDelivery[] = [];
    let next = request.after;
    for (let reads = 0; reads < READS_PER_PAGE && deliveries.length < request.limit; reads++) {
      const limit = Math.min(PAGE_DELIVERIES, request.limit - deliveries.length);
      const page = await this.#options.journal.listDeliveries({ filter, limit, ...(next && { after: next }) });
      for (const listed of page.deliveries) {
        const seen = this.#seen(listed);
        if (isSelected(query, seen)) deliveries.push(seen);
      }
      next = page.next;
      if (next === undefined) break;
    }
    return { deliveries, next };
  }

  /** All of them, newest first, a page at a time; until the signal aborts. */
  async *pages(query: DeliveryQuery, signal: AbortSignal): AsyncGenerator<readonly SeenDelivery[], void> {
    let after: DeliveryPosition | undefined;
    do {
      const page = await this.page(query, { limit: PAGE_DELIVERIES, after });
      if (signal.aborted) return;
      if (page.deliveries.length > 0) yield page.deliveries;
      after = page.next;
    } while (after !== undefined);
  }

  async count(query: DeliveryQuery, signal: AbortSignal): Promise<number> {
    if (!looksAtLanes(query)) return this.#options.journal.countDeliveriesOf(recordedFilter(query));
    let count = 0;
    for await (const page of this.pages(query, signal)) count += page.length;
    return count;
  }

  #seen(listed: ListedDelivery): SeenDelivery {
    const byKey = listed.isHeldByKey ? 'key' : undefined;
    const heldBy = isOpen(listed.state) ? (this.#options.lanes.heldBy(listed.adapter, listed) ?? byKey) : undefined;
    return { ...listed, heldBy };
  }
}

/** All that can match, as the journal knows it: what is held is on record as waiting or retrying. */
function recordedFilter({ filter, states }: DeliveryQuery): DeliveryFilter {
  const recorded = states.flatMap((state) => (state === 'held' ? (['waiting', 'retrying'] as const) : [state]));
  return { ...filter, states: recorded.length === 0 ? NOT_DELIVERED : [...new Set(recorded)] };
}

/** True when the lanes have to be asked who of the open ones is meant. */
function looksAtLanes({ states }: DeliveryQuery): boolean {
  const open = (['waiting', 'retrying', 'held'] as const).filter((state) => states.includes(state));
  return open.length === 1 || open.length === 2;
}

function isSelected(query: DeliveryQuery, { state, heldBy }: SeenDelivery): boolean {
  return !looksAtLanes(query) || query.states.includes(heldBy === undefined ? state : 'held');
}
