import type { DatabaseSync } from 'node:sqlite';
import { Adapters } from './adapters.ts';
import { Damage } from './damage.ts';
import { Reader } from './reader.ts';

/** Of one step: a fraction of a millisecond, in which no commit can run. */
const STEP_EVENTS = 4;

/**
 * Looks at all that a journal held when it was opened, while it is in use, a few events at a time: every row by its
 * checksum, and whether each row is found by those who look for it in an index. Damage is so found while there is time to
 * do something about it, and not when an old event is asked for, or never. New rows were just written, and are left out.
 */
export class Scrub {
  readonly #adapters: Adapters;
  readonly #reader: Reader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #toSeq: number;
  #afterSeq = 0;

  constructor(database: DatabaseSync, toSeq: number) {
    this.#adapters = new Adapters(database);
    this.#reader = new Reader(database, this.#adapters);
    this.#statements = prepare(database);
    this.#toSeq = toSeq;
  }

  /**
   * Goes on where the last step ended. False once everything was looked at.
   *
   * @throws Damage
   */
  step(): boolean {
    this.#adapters.reload();
    const seqs = this.#statements.selectSeqs
      .all(this.#afterSeq, this.#toSeq, STEP_EVENTS)
      .map((row) => Number(row.seq));
    const last = seqs.at(-1);
    if (last === undefined) return false;
    for (const seq of seqs) {
      const event = this.#reader.readBySeq(seq);
      const found = event && this.#reader.readEvent(event.id);
      if (found?.event.seq !== seq) throw new Damage(`event ${seq} is not found by its id`);
    }
    const unindexed = this.#statements.selectUnindexed.get(this.#afterSeq, last);
    if (unindexed !== undefined) throw new Damage(`a delivery of event ${unindexed.seq} is missing in an index`);
    this.#afterSeq = last;
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
  };
}

/** That a row which belongs into a partial index is not there. */
function notIn(index: string, condition: string): string {
  return `${condition} AND NOT EXISTS (
    SELECT 1 FROM delivery AS entry INDEXED BY ${index}
    WHERE entry.adapter = delivery.adapter AND entry.key = delivery.key AND entry.seq = delivery.seq
      AND ${condition.replaceAll(/state|key/g, 'entry.$&')})`;
}
