import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { JournalError } from '../journal-error.ts';
import { Adapters } from './adapters.ts';
import { isOpenCode, stateCodes } from './codes.ts';
import { Damage } from './damage.ts';
import { FILE_NAME, openForLooking } from './database.ts';
import { EndMark, markPath, missing } from './end-mark.ts';
import {
  DELIVERY_COLUMNS,
  type DeliveryRow,
  EVENT_COLUMNS,
  type EventRow,
  eventFromRow,
  type RecordRow,
  recordFromRow,
  requireIntactDelivery,
} from './rows.ts';

/** As many problems are told: more say nothing more. */
const MAX_PROBLEMS = 100;

/** What a journal holds, and what of it is not as it was written. */
export interface JournalReport {
  readonly path: string;
  readonly sizeBytes: number;
  readonly events: number;
  readonly deliveries: number;
  readonly records: number;
  /** Deliveries that are not settled. */
  readonly unsettled: number;
  readonly deadLetters: number;
  /** Rows of version 1, which had no checksums. */
  readonly rowsWithoutChecksum: number;
  /** Sentences that name a place; none: it is intact. At most 100. */
  readonly problems: readonly string[];
}

/**
 * Reads all of a journal that no hub has open, changes nothing in it, and says whether it is whole: its pages and
 * indexes, the checksum of every row, every delivery with its event, every chain of records to its end.
 *
 * @throws JournalError IN_USE, UNSAFE, UNREADABLE when it is no journal, or is so damaged that it cannot be opened
 */
export function verifyJournal(folder: string): JournalReport {
  const path = join(resolve(folder), FILE_NAME);
  if (!existsSync(path))
    throw new JournalError('UNREADABLE', `There is no journal ${path}. Name the hub's data folder.`);
  const database = openForLooking(path);
  try {
    return { path, sizeBytes: statSync(path).size, ...new Verification(database, path).run() };
  } finally {
    database.close();
  }
}

class Verification {
  readonly #database: DatabaseSync;
  readonly #path: string;
  readonly #adapters: Adapters;
  readonly #problems: string[] = [];
  #rowsWithoutChecksum = 0;

  constructor(database: DatabaseSync, path: string) {
    this.#database = database;
    this.#path = path;
    this.#adapters = new Adapters(database);
  }

  run(): Omit<JournalReport, 'path' | 'sizeBytes'> {
    this.#try(() => this.#pages());
    this.#try(() => this.#end());
    const events = this.#rows<EventRow>(`SELECT ${EVENT_COLUMNS} FROM event`, (row) => {
      this.#rowsWithoutChecksum += Number(row.checksum === null);
      eventFromRow(row, this.#adapters);
    });
    const { deliveries, unsettled, deadLetters, chained } = this.#deliveries();
    const records = this.#count('record');
    if (records !== chained) this.#add(`${records} records are kept, but ${chained} belong to deliveries`);
    return {
      events,
      deliveries,
      records,
      unsettled,
      deadLetters,
      rowsWithoutChecksum: this.#rowsWithoutChecksum,
      problems: this.#problems,
    };
  }

  #pages(): void {
    for (const { integrity_check: line } of this.#database.prepare(`PRAGMA integrity_check(${MAX_PROBLEMS})`).all()) {
      if (line !== 'ok') this.#add(String(line));
    }
  }

  /** Nothing is missing of what a hub told. */
  #end(): void {
    const { id, lastSeq, lastCursor } = this.#database
      .prepare(`
        SELECT id, (SELECT max(seq) FROM event) AS lastSeq, (SELECT max(cursor) FROM record) AS lastCursor
        FROM journal`)
      .get() ?? { id: '', lastSeq: 0, lastCursor: 0 };
    const end = { id: String(id), lastSeq: Number(lastSeq ?? 0), lastCursor: Number(lastCursor ?? 0) };
    const lost = missing(this.#path, EndMark.read(markPath(this.#path)), end);
    if (lost !== undefined) this.#add(lost);
  }

  #deliveries() {
    const selectEvent = this.#database.prepare('SELECT id, key FROM event WHERE seq = ?');
    const selectRecord = this.#database.prepare('SELECT * FROM record WHERE cursor = ?');
    let [unsettled, deadLetters, chained] = [0, 0, 0];
    const deliveries = this.#rows<DeliveryRow>(`SELECT ${DELIVERY_COLUMNS} FROM delivery`, (row) => {
      unsettled += Number(isOpenCode(row.state));
      deadLetters += Number(row.state === stateCodes.dead_lettered);
      this.#rowsWithoutChecksum += Number(row.checksum === null);
      requireIntactDelivery(row, this.#adapters);
      const event = selectEvent.get(row.seq);
      if (event === undefined) throw new Damage(`a delivery has no event of seq ${row.seq}`);
      if (event.key !== row.key) throw new Damage(`the key of seq ${row.seq} is not that of its delivery`);
      for (let cursor = row.last_cursor; cursor !== 0; chained++) {
        const record = selectRecord.get(cursor) as RecordRow | undefined;
        if (record === undefined) throw new Damage(`record ${cursor} of seq ${row.seq} is missing`);
        if (record.seq !== row.seq || record.adapter !== row.adapter || record.previous >= cursor) {
          throw new Damage(`record ${cursor} is not in its place among those of seq ${row.seq}`);
        }
        this.#rowsWithoutChecksum += Number(record.checksum === null);
        recordFromRow(record, String(event.id), this.#adapters);
        cursor = record.previous;
      }
    });
    return { deliveries, unsettled, deadLetters, chained };
  }

  /** Looks at each row of a query; how many there were. */
  #rows<Row>(query: string, look: (row: Row) => void): number {
    let count = 0;
    this.#try(() => {
      for (const row of this.#database.prepare(query).iterate()) {
        count++;
        this.#try(() => look(row as Row));
      }
    });
    return count;
  }

  #count(table: string): number {
    let count = 0;
    this.#try(() => {
      count = Number(this.#database.prepare(`SELECT count(*) AS count FROM ${table}`).get()?.count);
    });
    return count;
  }

  #try(look: () => void): void {
    try {
      look();
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#add(error.message);
    }
  }

  #add(problem: string): void {
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(problem);
  }
}
