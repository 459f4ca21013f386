import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { AcceptedEvent, EventIdentity } from '../../core/event.ts';
import { rowChecksum } from '../integrity/row-checksum.ts';
import type { AcceptRequest } from '../journal.ts';
import { CorruptionError } from '../journal-error.ts';
import type { LaneTable } from './lane-table.ts';
import {
  EVENT_VALUES,
  EVENT_VALUES_WITHOUT_DATA,
  type EventValues,
  eventFromValues,
  prepareInsert,
  prepareValues,
  type RecordedEvent,
  requireIntactEvent,
  SUMMED,
} from './rows.ts';

/** The rows of the table event. */
export class EventTable {
  readonly #lanes: LaneTable;
  readonly #statements: ReturnType<typeof prepare>;
  #lastSeq: number;

  constructor(database: DatabaseSync, lanes: LaneTable) {
    this.#lanes = lanes;
    this.#statements = prepare(database);
    this.#lastSeq = Number(database.prepare('SELECT max(seq) AS newest FROM event').get()?.newest ?? 0);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** See LaneTable.mark. */
  mark(): () => void {
    const lastSeq = this.#lastSeq;
    return () => {
      this.#lastSeq = lastSeq;
    };
  }

  /** Its seq; undefined when its identity is known. `adapters`: the ids of all that it goes to. */
  insert({ event, contentHash, publishedBy, acceptedAtMs }: AcceptRequest, adapters: string): number | undefined {
    const seq = this.#lastSeq + 1;
    const { id, source, type, key, timeMs, data, dataContentType, attributes } = event;
    const said = JSON.stringify(attributes);
    const sum = crc32(data);
    const texts = [id, source, type, key, timeMs, dataContentType, said];
    const values = [seq, ...texts, contentHash, acceptedAtMs, sum, publishedBy, 0, data];
    values[SUMMED.event] = rowChecksum(values, SUMMED.event, adapters);
    const { changes } = this.#statements.insert.run(...values);
    if (changes === 0) return undefined;
    this.#lastSeq = seq;
    return seq;
  }

  bySeq(seq: number): AcceptedEvent {
    return eventFromValues(this.#found(this.#statements.selectBySeq, seq), this.#lanes);
  }

  find({ id, source }: EventIdentity): AcceptedEvent | undefined {
    const values = this.#statements.select.get(id, source) as EventValues | undefined;
    return values && eventFromValues(values, this.#lanes);
  }

  /** An event of that identity that was accepted before, and whether it said the same. */
  known({ id, source }: EventIdentity, contentHash: Uint8Array): { event: AcceptedEvent; isSame: boolean } | undefined {
    const values = this.#statements.select.get(id, source) as EventValues | undefined;
    if (values === undefined) return undefined;
    return { event: eventFromValues(values, this.#lanes), isSame: Buffer.compare(values[8], contentHash) === 0 };
  }

  /** Who published an event of that id: at most 16 and one more, in alphabetical order. */
  sources(id: string): readonly string[] {
    return this.#statements.selectSources.all(id).map(({ source }) => String(source));
  }

  identity(seq: number): RecordedEvent {
    const row = this.#statements.selectIdentity.get(seq);
    if (row === undefined) throw new CorruptionError(`seq ${seq} is missing`);
    return { id: String(row.id), source: String(row.source), key: String(row.key) };
  }

  payloadBytes(seq: number): number {
    return Number(this.#statements.selectSize.get(seq)?.bytes ?? 0);
  }

  /** @throws {CorruptionError} when the event is not as it was written; its payload is not looked at */
  requireIntact(seq: number): void {
    requireIntactEvent(this.#found(this.#statements.selectWithoutData, seq), this.#lanes);
  }

  #found(select: StatementSync, seq: number): EventValues {
    const values = select.get(seq) as EventValues | undefined;
    if (values === undefined) throw new CorruptionError(`seq ${seq} is missing`);
    return values;
  }
}

/** Sources that are named of an id that several have. */
export const SOURCES_MAX = 16;

function prepare(database: DatabaseSync) {
  return {
    insert: prepareInsert(database, 'event', 'ON CONFLICT (id, source) DO NOTHING'),
    select: prepareValues(database, `SELECT ${EVENT_VALUES} FROM event WHERE id = ? AND source = ?`),
    selectBySeq: prepareValues(database, `SELECT ${EVENT_VALUES} FROM event WHERE seq = ?`),
    selectWithoutData: prepareValues(database, `SELECT ${EVENT_VALUES_WITHOUT_DATA} FROM event WHERE seq = ?`),
    selectIdentity: database.prepare('SELECT id, source, key FROM event WHERE seq = ?'),
    selectSize: database.prepare('SELECT length(data) AS bytes FROM event WHERE seq = ?'),
    selectSources: database.prepare(`SELECT source FROM event WHERE id = ? ORDER BY source LIMIT ${SOURCES_MAX + 1}`),
  };
}
