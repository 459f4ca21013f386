import { Buffer } from 'node:buffer';
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { AcceptedEvent, EventIdentity } from '../../core/event.ts';
import { CorruptionError } from '../integrity/corruption-error.ts';
import { eventChecksum } from '../integrity/row-checksum.ts';
import type { AcceptRequest } from '../journal.ts';
import type { Lanes } from './lanes.ts';
import {
  EVENT_COLUMNS,
  EVENT_HEAD_COLUMNS,
  type EventHead,
  eventFromRow,
  type RecordedEvent,
  requireIntactHead,
  type StoredEventRow,
} from './rows.ts';

/** The rows of the table event. */
export class Events {
  readonly #lanes: Lanes;
  readonly #statements: ReturnType<typeof prepare>;
  #lastSeq: number;

  constructor(database: DatabaseSync, lanes: Lanes) {
    this.#lanes = lanes;
    this.#statements = prepare(database);
    this.#lastSeq = Number(database.prepare('SELECT max(seq) AS newest FROM event').get()?.newest ?? 0);
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** See Lanes.mark. */
  mark(): () => void {
    const lastSeq = this.#lastSeq;
    return () => {
      this.#lastSeq = lastSeq;
    };
  }

  /** Its seq; undefined when its identity is known. */
  insert({ event, contentHash, acceptedAtMs }: AcceptRequest, adapters: readonly string[]): number | undefined {
    const row = {
      seq: this.#lastSeq + 1,
      id: event.id,
      source: event.source,
      type: event.type,
      key: event.key,
      time_ms: event.timeMs,
      content_type: event.dataContentType,
      attributes: JSON.stringify(event.attributes),
      content_hash: contentHash,
      accepted_at_ms: acceptedAtMs,
      data_checksum: crc32(event.data),
    };
    const { changes } = this.#statements.insert.run(
      row.seq,
      row.id,
      row.source,
      row.type,
      row.key,
      row.time_ms,
      row.content_type,
      row.attributes,
      contentHash,
      acceptedAtMs,
      event.data,
      row.data_checksum,
      eventChecksum(row, adapters),
    );
    if (changes === 0) return undefined;
    this.#lastSeq = row.seq;
    return row.seq;
  }

  bySeq(seq: number): AcceptedEvent {
    const row = this.#statements.selectBySeq.get(seq) as StoredEventRow | undefined;
    if (row === undefined) throw new CorruptionError(`seq ${seq} is missing`);
    return eventFromRow(row, this.#lanes);
  }

  find({ id, source }: EventIdentity): AcceptedEvent | undefined {
    const row = this.#statements.select.get(id, source) as StoredEventRow | undefined;
    return row && eventFromRow(row, this.#lanes);
  }

  /** An event of that identity that was accepted before, and whether it said the same. */
  known({ id, source }: EventIdentity, contentHash: Uint8Array): { event: AcceptedEvent; isSame: boolean } | undefined {
    const row = this.#statements.select.get(id, source) as StoredEventRow | undefined;
    if (row === undefined) return undefined;
    return { event: eventFromRow(row, this.#lanes), isSame: Buffer.compare(row.content_hash, contentHash) === 0 };
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
    const row = this.#statements.selectHead.get(seq) as EventHead | undefined;
    if (row === undefined) throw new CorruptionError(`seq ${seq} is missing`);
    requireIntactHead(row, this.#lanes);
  }
}

/** Sources that are named of an id that several have. */
export const SOURCES_MAX = 16;

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare(`
      INSERT INTO event (seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
        data, data_checksum, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id, source) DO NOTHING`),
    select: database.prepare(`SELECT ${EVENT_COLUMNS} FROM event WHERE id = ? AND source = ?`),
    selectBySeq: database.prepare(`SELECT ${EVENT_COLUMNS} FROM event WHERE seq = ?`),
    selectHead: database.prepare(`SELECT ${EVENT_HEAD_COLUMNS} FROM event WHERE seq = ?`),
    selectIdentity: database.prepare('SELECT id, source, key FROM event WHERE seq = ?'),
    selectSize: database.prepare('SELECT length(data) AS bytes FROM event WHERE seq = ?'),
    selectSources: database.prepare(`SELECT source FROM event WHERE id = ? ORDER BY source LIMIT ${SOURCES_MAX + 1}`),
  };
}
