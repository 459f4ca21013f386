import type { DatabaseSync } from 'node:sqlite';
import type { PruneRequest, PruneResult } from '../retention.ts';
import { recordChecksum, requireChecksum } from './checksum.ts';
import type { RecordRow } from './rows.ts';
import type { WatchedKeys } from './watched-keys.ts';

/** An event that may have had its time. */
interface AgedRow {
  readonly seq: number;
  readonly id: string;
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
    const { settledBeforeMs, afterSeq = 0, maxEvents, maxRecords } = request;
    const looked = this.#statements.selectAged.all(afterSeq, maxEvents) as unknown as AgedRow[];
    let [events, records] = [0, 0];
    for (const row of looked) {
      const isOver =
        row.wanted === 0 &&
        row.seq !== newest.lastSeq &&
        row.newest_cursor !== newest.lastCursor &&
        Math.max(row.accepted_at_ms, row.settled_at_ms ?? 0) < settledBeforeMs;
      if (!isOver) continue;
      const deleted = records < maxRecords ? this.#delete(row, maxRecords - records) : { records: 0, isGone: false };
      records += deleted.records;
      if (!deleted.isGone) return { events, records, next: row.seq - 1 };
      events += 1;
    }
    // Younger ones follow; one alone may be a jump of the clock.
    const isYoung = looked.every((row) => row.accepted_at_ms >= settledBeforeMs);
    const next = looked.length < maxEvents || isYoung ? undefined : looked.at(-1)?.seq;
    if (next === undefined) this.#statements.deleteJobs.run(settledBeforeMs);
    return { events, records, next };
  }

  /**
   * Deletes an event with its deliveries and records. One with more records than may go now loses those behind the
   * newest of each delivery, which then says what came before the gap: its state and its chain stay true in between,
   * also for whoever verifies the journal after a crash.
   */
  #delete({ seq, id, key }: AgedRow, recordsMax: number): { readonly records: number; readonly isGone: boolean } {
    const shortened: ShortenedChain[] = [];
    let records = 0;
    const deliveries = this.#statements.selectDeliveries.all(seq);
    for (const { last_cursor: last } of deliveries) {
      const newest = this.#statements.selectRecord.get(Number(last)) as RecordRow | undefined;
      let previous = newest?.previous ?? 0;
      for (; previous !== 0 && records < recordsMax; records++) {
        previous = Number(this.#statements.deleteRecord.get(previous)?.previous ?? 0);
      }
      if (newest !== undefined) shortened.push({ newest, previous });
    }
    if (shortened.some(({ previous }) => previous !== 0)) {
      for (const chain of shortened) this.#join(chain, id);
      return { records, isGone: false };
    }
    for (const { newest } of shortened) this.#statements.deleteRecord.get(newest.cursor);
    this.#statements.deleteDeliveries.run(seq);
    this.#statements.deleteEvent.run(seq);
    for (const { adapter } of deliveries) this.#watchedKeys.forget(Number(adapter), key);
    return { records: records + shortened.length, isGone: true };
  }

  /** @throws Damage when the record is not as it was written: a new checksum would hide it. */
  #join({ newest, previous }: ShortenedChain, eventId: string): void {
    if (newest.previous === previous) return;
    const { checksum } = newest;
    requireChecksum(checksum, recordChecksum(newest, eventId), () => `record ${newest.cursor}`);
    const joined = recordChecksum({ ...newest, previous }, eventId);
    this.#statements.joinRecord.run(previous, checksum === null ? null : joined, newest.cursor);
  }
}

/** The newest record of a delivery, and the newest of those that are left behind it; 0 when none is. */
interface ShortenedChain {
  readonly newest: RecordRow;
  readonly previous: number;
}

function prepare(database: DatabaseSync) {
  return {
    selectAged: database.prepare(`
      SELECT seq, id, key, accepted_at_ms,
        (SELECT count(*) FROM delivery WHERE delivery.seq = event.seq AND (state < 2 OR state = 4)) AS wanted,
        (SELECT max(delivery.last_cursor) FROM delivery WHERE delivery.seq = event.seq) AS newest_cursor,
        (SELECT max(at_ms) FROM delivery CROSS JOIN record ON cursor = delivery.last_cursor
          WHERE delivery.seq = event.seq) AS settled_at_ms
      FROM event WHERE seq > ? ORDER BY seq LIMIT ?`),
    selectDeliveries: database.prepare(`
      SELECT adapter, last_cursor FROM delivery CROSS JOIN adapter ON number = adapter WHERE seq = ? ORDER BY id`),
    selectRecord: database.prepare('SELECT * FROM record WHERE cursor = ?'),
    joinRecord: database.prepare('UPDATE record SET previous = ?, checksum = ? WHERE cursor = ?'),
    deleteRecord: database.prepare('DELETE FROM record WHERE cursor = ? RETURNING previous'),
    deleteDeliveries: database.prepare('DELETE FROM delivery WHERE seq = ?'),
    deleteEvent: database.prepare('DELETE FROM event WHERE seq = ?'),
    deleteJobs: database.prepare(
      "DELETE FROM replay_job WHERE created_at_ms < ? AND json_extract(content, '$.state') <> 'running'",
    ),
  };
}
