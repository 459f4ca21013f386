import type { DatabaseSync } from 'node:sqlite';
import type { PruneRequest, PruneResult } from '../retention.ts';
import type { WatchedKeys } from './watched-keys.ts';

/** An event that may have had its time. */
interface AgedRow {
  readonly seq: number;
  readonly key: string;
  readonly accepted_at_ms: number;
  /** When its last delivery was settled; null when it never had one. */
  readonly settled_at_ms: number | null;
  /** Deliveries that are open or dead letters. */
  readonly wanted: number;
  /** The newest of its records; null when it never had a delivery. */
  readonly newest_cursor: number | null;
}

export interface PrunerOptions {
  readonly database: DatabaseSync;
  readonly watchedKeys: WatchedKeys;
}

/** Deletes events that have had their time. The file does not shrink; what they leave is used again. */
export class Pruner {
  readonly #watchedKeys: WatchedKeys;
  readonly #statements: ReturnType<typeof prepare>;

  constructor({ database, watchedKeys }: PrunerOptions) {
    this.#watchedKeys = watchedKeys;
    this.#statements = prepare(database);
  }

  /** The newest event and record are kept: numbers are counted on from them. */
  prune(request: PruneRequest, newest: { readonly lastSeq: number; readonly lastCursor: number }): PruneResult {
    const { settledBeforeMs, afterSeq = 0, maxEvents } = request;
    const looked = this.#statements.selectAged.all(afterSeq, maxEvents) as unknown as AgedRow[];
    const deleted = looked.filter(
      (row) =>
        row.wanted === 0 &&
        row.seq !== newest.lastSeq &&
        row.newest_cursor !== newest.lastCursor &&
        Math.max(row.accepted_at_ms, row.settled_at_ms ?? 0) < settledBeforeMs,
    );
    const records = deleted.reduce((sum, row) => sum + this.#delete(row), 0);
    // Younger ones follow; one alone may be a jump of the clock.
    const isYoung = looked.every((row) => row.accepted_at_ms >= settledBeforeMs);
    const next = looked.length < maxEvents || isYoung ? undefined : looked.at(-1)?.seq;
    if (next === undefined) this.#statements.deleteJobs.run(settledBeforeMs);
    return { events: deleted.length, records, next };
  }

  /** How many records went with it. */
  #delete({ seq, key }: AgedRow): number {
    let records = 0;
    const deliveries = this.#statements.selectDeliveries.all(seq);
    for (const { last_cursor: last } of deliveries) {
      for (let cursor = Number(last); cursor !== 0; records++) {
        cursor = Number(this.#statements.deleteRecord.get(cursor)?.previous ?? 0);
      }
    }
    this.#statements.deleteDeliveries.run(seq);
    this.#statements.deleteEvent.run(seq);
    for (const { adapter } of deliveries) this.#watchedKeys.forget(Number(adapter), key);
    return records;
  }
}

function prepare(database: DatabaseSync) {
  return {
    selectAged: database.prepare(`
      SELECT seq, key, accepted_at_ms,
        (SELECT count(*) FROM delivery WHERE delivery.seq = event.seq AND (state < 2 OR state = 4)) AS wanted,
        (SELECT max(delivery.last_cursor) FROM delivery WHERE delivery.seq = event.seq) AS newest_cursor,
        (SELECT max(at_ms) FROM delivery CROSS JOIN record ON cursor = delivery.last_cursor
          WHERE delivery.seq = event.seq) AS settled_at_ms
      FROM event WHERE seq > ? ORDER BY seq LIMIT ?`),
    selectDeliveries: database.prepare('SELECT adapter, last_cursor FROM delivery WHERE seq = ?'),
    deleteRecord: database.prepare('DELETE FROM record WHERE cursor = ? RETURNING previous'),
    deleteDeliveries: database.prepare('DELETE FROM delivery WHERE seq = ?'),
    deleteEvent: database.prepare('DELETE FROM event WHERE seq = ?'),
    deleteJobs: database.prepare(
      "DELETE FROM replay_job WHERE created_at_ms < ? AND json_extract(content, '$.state') <> 'running'",
    ),
  };
}
