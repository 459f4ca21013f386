import type { OpenDelivery } from '../core/delivery.ts';
import { discardRecord } from '../journal/dead-letter.ts';
import type { Journal } from '../journal/journal.ts';
import type { Lanes } from '../lanes/lanes.ts';
import type { DeliveryFinder, DeliveryQuery, SeenDelivery } from './delivery-query.ts';

export interface DiscardsOptions {
  readonly journal: Pick<Journal, 'discard' | 'record' | 'readEvent' | 'countDeliveries'>;
  readonly lanes: Pick<Lanes, 'get'>;
  readonly finder: DeliveryFinder;
  readonly wallMs: () => number;
}

/** Open deliveries go to their lane with their events: so many payloads are in memory at a time. */
const OPEN_AT_A_TIME = 32;

/** Gives deliveries up for a person. Settled ones do not match, whatever the query says. */
export class Discards {
  readonly #options: DiscardsOptions;
  /** Settles with the last turn of those without a lane. */
  #lastTurn: Promise<unknown> = Promise.resolve();

  constructor(options: DiscardsOptions) {
    this.#options = options;
  }

  /** How many would be given up now, attempts that run among them. */
  count(query: DeliveryQuery, signal: AbortSignal): Promise<number> {
    return this.#options.finder.count(query, signal);
  }

  /**
   * Gives up all that are meant, a page at a time, until the signal aborts; how many it were. One whose attempt runs is
   * left to its outcome.
   */
  async run(query: DeliveryQuery, reason: string, signal: AbortSignal): Promise<number> {
    let discarded = 0;
    for await (const page of this.#options.finder.pages(query, signal)) {
      const dead = page.filter(({ state }) => state === 'dead_lettered');
      const open = page.filter(({ state }) => state === 'waiting' || state === 'retrying');
      discarded += await this.#discardDead(dead, reason);
      for (const [adapter, deliveries] of Map.groupBy(open, (delivery) => delivery.adapter)) {
        discarded += await this.#discardOpen(adapter, deliveries, reason);
      }
    }
    return discarded;
  }

  async #discardDead(dead: readonly SeenDelivery[], reason: string): Promise<number> {
    const { journal, wallMs } = this.#options;
    const results = await Promise.all(
      dead.map(({ adapter, seq }) => journal.discard({ adapter, seq, atMs: wallMs(), reason })),
    );
    return results.filter(({ kind }) => kind === 'discarded').length;
  }

  async #discardOpen(adapter: string, open: readonly SeenDelivery[], reason: string): Promise<number> {
    const lane = this.#options.lanes.get(adapter);
    let discarded = 0;
    for (let start = 0; start < open.length; start += OPEN_AT_A_TIME) {
      const some = open.slice(start, start + OPEN_AT_A_TIME);
      if (lane === undefined) discarded += await this.#inTurn(() => this.#discardWithoutLane(adapter, some, reason));
      else discarded += await lane.discard(await this.#openDeliveries(some), reason);
    }
    // Behind the records that were asked for.
    await this.#options.journal.countDeliveries();
    return discarded;
  }

  /** Two people may mean the same delivery, and no lane decides who settles it: the second one's turn finds it settled. */
  #inTurn(discard: () => Promise<number>): Promise<number> {
    const turn = this.#lastTurn.then(discard, discard);
    this.#lastTurn = turn;
    return turn;
  }

  /**
   * Nobody attempts the deliveries of an adapter that is no longer configured, so nobody records anything between the
   * read and the record but another discard, which waits for its turn.
   */
  async #discardWithoutLane(adapter: string, some: readonly SeenDelivery[], reason: string): Promise<number> {
    const { journal, wallMs } = this.#options;
    const deliveries = await this.#openDeliveries(some);
    for (const { event, ...counts } of deliveries) {
      const { seq, id: eventId } = event;
      journal.record(discardRecord({ adapter, seq, eventId, counts, atMs: wallMs(), reason }));
    }
    return deliveries.length;
  }

  /** With their events, as they stand now; without those that were settled meanwhile. */
  async #openDeliveries(some: readonly SeenDelivery[]): Promise<readonly OpenDelivery[]> {
    const stored = await Promise.all(some.map(({ eventId }) => this.#options.journal.readEvent(eventId)));
    return stored.flatMap((found, index) => {
      const delivery = found?.deliveries.find(({ adapter }) => adapter === some[index]?.adapter);
      if (found === undefined || delivery === undefined) return [];
      if (delivery.state !== 'waiting' && delivery.state !== 'retrying') return [];
      const { cycle, attempts, spent, crashes, records } = delivery;
      const notBeforeMs = delivery.state === 'retrying' ? (records.at(-1)?.nextAttemptAtMs ?? 0) : 0;
      const asOfMs = records.at(-1)?.atMs ?? found.event.acceptedAtMs;
      return [{ event: found.event, cycle, attempts, spent, crashes, notBeforeMs, asOfMs }];
    });
  }
}
