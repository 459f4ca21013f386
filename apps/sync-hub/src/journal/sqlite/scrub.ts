import type { DatabaseSync } from 'node:sqlite';
import { Adapters } from './adapters.ts';
import { Damage } from './damage.ts';
import { Reader } from './reader.ts';

/** Of one step: a fraction of a millisecond, in which no commit can run. */
const STEP_EVENTS = 4;
const STEP_RECORDS = 32;

/**
 * Looks at all that a journal held when it was opened, while it is in use, a few rows at a time: every row by its
 * checksum, and whether each is found by those who look for it in an index or in a chain. Damage is so found while there
 * is time to do something about it, and not when an old event is asked for, or never. New rows were just written, and are
 * left out.
 *
 * The events go first, each with its deliveries. Then the records, in their own order and not by their chains: of one
 * delivery there may be a hundred thousand, and what is pruned between two steps takes nothing that this still needs.
 */
export class Scrub {
  readonly #adapters: Adapters;
  readonly #reader: Reader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #toSeq: number;
  readonly #toCursor: number;
  #afterSeq = 0;
  #afterCursor = 0;

  constructor(database: DatabaseSync, newest: { readonly lastSeq: number; readonly lastCursor: number }) {
    this.#adapters = new Adapters(database);
    this.#reader = new Reader(database, this.#adapters);
    this.#statements = prepare(database);
    this.#toSeq = newest.lastSeq;
    this.#toCursor = newest.lastCursor;
  }

  /**
   * Goes on where the last step ended. False once everything was looked at.
   *
   * @throws Damage
   */
  step(): boolean {
    this.#adapters.reload();
    return this.#stepEvents() || this.#stepRecords();
  }

  #stepEvents(): boolean {
    const seqs = this.#statements.selectSeqs
      .all(this.#afterSeq, this.#toSeq, STEP_EVENTS)
      .map((row) => Number(row.seq));
    const last = seqs.at(-1);
    if (last === undefined) return false;
    for (const seq of seqs) {
      const event = this.#reader.readBySeq(seq);
      const found = event && this.#reader.readAccepted(event.id);
      if (found?.event.seq !== seq) throw new Damage(`seq ${seq} is not found by its id`);
      this.#reader.requireIntactDeliveries(seq);
    }
    const unindexed = this.#statements.selectUnindexed.get(this.#afterSeq, last);
    if (unindexed !== undefined) throw new Damage(`a delivery of seq ${unindexed.seq} is missing in an index`);
    this.#afterSeq = last;
    return true;
  }

  #stepRecords(): boolean {
    const { records } = this.#reader.readRecords(
      { afterCursor: this.#afterCursor, limit: STEP_RECORDS },
      this.#toCursor,
    );
    const last = records.at(-1);
    if (last === undefined || this.#afterCursor >= this.#toCursor) return false;
    const unchained = this.#statements.selectUnchained.get(this.#afterCursor, last.cursor);
    if (unchained !== undefined) throw new Damage(`what comes before record ${unchained.cursor} is not in its place`);
    this.#afterCursor = last.cursor;
    return true;
  }
}

function prepare(database: DatabaseSync) {
  return {
    selectSeqs: database.prepare('SELECT seq FROM event NOT INDEXED WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?'),
    selectUnindexed: database.prepare(`
      SELECT seq FROM delivery NOT INDEXED WHERE seq > ? AND seq <= ? AND (
        ${notIn('delivery_open', 'state < 2')} OR ${notIn('delivery_open_of_key', "state < 2 AND key <> ''")}
        OR ${notIn('delivery_dead', 'state = 4')} OR ${notIn('delivery_dead_of_key', "state = 4 AND key <> ''")}
      ) LIMIT 1`),
    selectUnchained: database.prepare(`
      SELECT cursor FROM record WHERE cursor > ? AND cursor <= ? AND previous <> 0 AND NOT EXISTS (
        SELECT 1 FROM record AS before
        WHERE before.cursor = record.previous AND before.cursor < record.cursor
          AND before.seq = record.seq AND before.adapter = record.adapter
      ) LIMIT 1`),
  };
}

/** That a row which belongs into a partial index is not there. */
function notIn(index: string, condition: string): string {
  return `${condition} AND NOT EXISTS (
    SELECT 1 FROM delivery AS entry INDEXED BY ${index}
    WHERE entry.adapter = delivery.adapter AND entry.key = delivery.key AND entry.seq = delivery.seq
      AND ${condition.replaceAll(/state|key/g, 'entry.$&')})`;
}
