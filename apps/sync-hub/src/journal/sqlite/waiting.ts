import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DeliveryTotals, WaitingStatistics } from '../journal.ts';

/** Dead letters and what is behind them may be many: to count them takes at most so much of the journal's time. */
const SHARE_OF_TIME = 0.02;

/** What waits at each adapter, over the partial indexes: how long the oldest has, and how many wait for an operator. */
export class Waiting {
  readonly #selectOldest: StatementSync;
  readonly #countBehind: StatementSync;
  #behind: ReadonlyMap<number, number> = new Map();
  #countAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: DatabaseSync) {
    this.#selectOldest = database.prepare(`
      SELECT accepted_at_ms FROM event WHERE seq =
        (SELECT min(seq) FROM delivery INDEXED BY delivery_open WHERE adapter = ? AND state < 2)`);
    this.#countBehind = database.prepare(`
      SELECT count(*) AS count FROM (
        SELECT key, min(seq) AS seq FROM delivery INDEXED BY delivery_dead_of_key
        WHERE adapter = ?1 AND state = 4 AND key <> '' GROUP BY key
      ) AS dead
      CROSS JOIN delivery AS open INDEXED BY delivery_open_of_key
        ON open.adapter = ?1 AND open.key = dead.key AND open.key <> '' AND open.state < 2 AND open.seq > dead.seq`);
  }

  /** @param adapters their numbers by their ids */
  read(totals: readonly DeliveryTotals[], adapters: ReadonlyMap<string, number>): readonly WaitingStatistics[] {
    const waiting = totals.filter(({ unsettled }) => unsettled > 0);
    const numbers = waiting.map(({ adapter }) => adapters.get(adapter) ?? 0);
    this.#count(numbers);
    return waiting.map(({ adapter, unsettled }, place) => {
      const number = numbers[place] ?? 0;
      const oldestAcceptedAtMs = Number(this.#selectOldest.get(number)?.accepted_at_ms);
      return { adapter, unsettled, oldestAcceptedAtMs, behindDeadLetters: this.#behind.get(number) ?? 0 };
    });
  }

  #count(numbers: readonly number[]): void {
    const startedMs = performance.now();
    if (startedMs < this.#countAgainAtMs) return;
    this.#behind = new Map(numbers.map((number) => [number, Number(this.#countBehind.get(number)?.count)]));
    const endedMs = performance.now();
    this.#countAgainAtMs = endedMs + (endedMs - startedMs) / SHARE_OF_TIME;
  }
}
