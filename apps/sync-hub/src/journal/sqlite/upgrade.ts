import { endianness } from 'node:os';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { stateCodes } from '../codes.ts';
import { pageProblems } from '../integrity/check-rows.ts';
import type { HighWater } from '../integrity/high-water-mark.ts';
import { rowChecksum } from '../integrity/row-checksum.ts';
import { CorruptionError } from '../journal-error.ts';
import { type DeliveryRow, deliveryToValues, prepareInsert, SUMMED } from './rows.ts';

// From version 1 to 2, and from that or version 3 to 4, row by row. Each row that gets a new checksum is checked by its
// old one for the last time: the new one would hide what the disk did to it. Rows of version 1 have none. What version 3
// has not is only who published an event.

/** What version 2 has and version 1 has not. */
const VERSION_2 = `
  ALTER TABLE event ADD COLUMN data_checksum INTEGER;
  ALTER TABLE event ADD COLUMN checksum INTEGER;
  ALTER TABLE delivery ADD COLUMN reopened_at_ms REAL;
  ALTER TABLE delivery ADD COLUMN checksum INTEGER;
  ALTER TABLE record ADD COLUMN checksum INTEGER;
  CREATE TABLE watched_key (adapter INTEGER, key TEXT, newest_delivered_seq INTEGER);
  CREATE TABLE replay_job (id TEXT, created_at_ms REAL, content TEXT);
  CREATE TABLE lane_pause (adapter TEXT, reason TEXT, since_ms REAL);
  INSERT INTO watched_key (adapter, key, newest_delivered_seq)
  SELECT adapter, key, max(CASE WHEN state = 2 THEN seq ELSE 0 END) FROM delivery
  WHERE (adapter, key) IN (SELECT adapter, key FROM delivery WHERE state = 4 AND key <> '')
  GROUP BY adapter, key;
`;

const RENAMED = [
  'journal',
  'adapter',
  'event',
  'delivery',
  'record',
  'watched_key',
  'replay_job',
  'breaker',
  'lane_pause',
];

/**
 * A position is the cursor that the record had: so what a cursor or a job meant of all lanes it means of each, as long as
 * every lane counts on from the newest of them.
 */
const COPY_OTHERS = `
  INSERT INTO journal SELECT id, (SELECT coalesce(max(cursor), 0) FROM old_record),
    (SELECT coalesce(max(seq), 0) FROM old_event) FROM old_journal;
  INSERT INTO adapter (number, id) SELECT number, id FROM old_adapter;
  INSERT INTO watched_key SELECT adapter, key, newest_delivered_seq FROM old_watched_key;
  INSERT INTO replay_job SELECT id, created_at_ms, json_set(json_remove(content, '$.upToCursor'), '$.upTo',
    json((SELECT json_group_object(id, json_extract(content, '$.upToCursor')) FROM old_adapter))) FROM old_replay_job;
  INSERT INTO breaker SELECT adapter, state, since_ms, cause FROM old_breaker;
  INSERT INTO lane_pause SELECT adapter, reason, since_ms FROM old_lane_pause;
`;

const DEAD_AGAIN =
  'A newer event of its key was delivered meanwhile. Replay it again with include_stale if it is to follow that one.';

/** Values of an event that version 3 made its checksum of. */
const SUMMED_3 = 11;

interface OldChecksum {
  /** Null in rows of version 1. */
  readonly checksum: number | null;
}

interface OldEvent extends OldChecksum {
  readonly seq: number;
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly key: string;
  readonly time_ms: number;
  readonly content_type: string;
  readonly attributes: string;
  readonly content_hash: Uint8Array;
  readonly accepted_at_ms: number;
  readonly last_cursor: number;
  readonly data: Uint8Array;
  readonly data_checksum: number | null;
  /** The ids of its adapters, in alphabetical order; null: none. */
  readonly adapters: string | null;
}

type Counted = 'seq' | 'adapter' | 'state' | 'cycle' | 'attempts' | 'spent' | 'crashes';

interface OldDelivery extends OldChecksum, Pick<DeliveryRow, Counted | 'key' | 'reopened_at_ms'> {
  readonly adapter_id: string | null;
  /** When its next attempt was due, whoever asked for that. */
  readonly not_before_ms: number;
  readonly last_cursor: number;
}

interface CopiedDelivery extends OldDelivery, Pick<DeliveryRow, 'is_head' | 'may_have_run'> {
  readonly accepted_at_ms: number | null;
  readonly event_key: string | null;
  readonly has_newest_record: number;
}

interface OldRecord extends OldChecksum, Pick<DeliveryRow, Counted> {
  readonly cursor: number;
  readonly previous: number;
  readonly version: string;
  readonly at_ms: number;
  readonly next_attempt_at_ms: number;
  readonly outcome: number | null;
  readonly started_at_ms: number | null;
  readonly duration_ms: number | null;
  readonly receipt: string | null;
  readonly code: string | null;
  readonly message: string | null;
}

interface CopiedRecord extends OldRecord {
  /** Null: it has no delivery. */
  readonly event_id: string | null;
  readonly event_source: string | null;
  readonly has_previous: number;
}

export interface UpgradeOptions {
  readonly fromVersion: number;
  /** The SQL that makes the tables of version 4. */
  readonly tables: string;
}

/**
 * Makes the tables of version 4, without indexes, and moves the rows of an older version into them, in the open
 * transaction.
 *
 * @throws {CorruptionError} when something is not as it was written
 */
export function copyRows(database: DatabaseSync, { fromVersion, tables }: UpgradeOptions): void {
  try {
    const [problem] = pageProblems(database, 1);
    if (problem !== undefined) throw new CorruptionError(problem);
    if (fromVersion === 1) database.exec(VERSION_2);
    for (const table of RENAMED) database.exec(`ALTER TABLE ${table} RENAME TO old_${table}`);
    database.exec(tables);
    if (fromVersion === 3) {
      copyEvents(database, fromVersion);
      for (const table of RENAMED) {
        if (table !== 'event') database.exec(`INSERT INTO ${table} SELECT * FROM old_${table}`);
      }
    } else {
      const mayFollow = judgeReplayed(database);
      database.exec(COPY_OTHERS);
      copyEvents(database, fromVersion);
      copyDeliveries(database, mayFollow);
      copyRecords(database);
    }
    for (const table of RENAMED) database.exec(`DROP TABLE old_${table}`);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    throw new CorruptionError(`${error.message}. It was not upgraded: the hub that wrote it can verify it`);
  }
}

/** Of a journal of version 1 or 2. */
export function readOldHighWater(database: DatabaseSync): HighWater {
  const row = database
    .prepare('SELECT id, (SELECT max(seq) FROM event) AS seq, (SELECT max(cursor) FROM record) AS cursor FROM journal')
    .get();
  return { id: String(row?.id), newestSeq: Number(row?.seq), positions: Number(row?.cursor) };
}

/**
 * Version 2 judged a replayed dead letter in two steps, so it may have been killed between them: before it saw that a newer
 * event of the key was delivered meanwhile. That one is a dead letter again, unless a job wanted just that. Answers the
 * deliveries of which it did.
 */
function judgeReplayed(database: DatabaseSync): ReadonlySet<string> {
  const select = database.prepare(`
    SELECT delivery.*, adapter.id AS adapter_id, (SELECT max(cursor) FROM old_record) AS newest_cursor, EXISTS (
      SELECT 1 FROM old_replay_job WHERE json_extract(content, '$.includeStale') AND created_at_ms <= reopened_at_ms
    ) AS may_follow
    FROM old_delivery AS delivery JOIN old_watched_key USING (adapter, key)
      JOIN old_adapter AS adapter ON number = delivery.adapter
    WHERE state < 2 AND cycle > 1 AND newest_delivered_seq > delivery.seq`);
  const insert = database.prepare(`
    INSERT INTO old_record (cursor, previous, seq, adapter, version, state, cycle, attempts, spent, crashes, at_ms,
      next_attempt_at_ms, message) VALUES (?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, 0, ?)`);
  const update = database.prepare(`
    UPDATE old_delivery SET state = ?, last_cursor = ?, checksum = NULL WHERE seq = ? AND adapter = ?`);
  const mayFollow = new Set<string>();
  let cursor: number | undefined;
  for (const row of select.all() as unknown as (OldDelivery & { newest_cursor: number; may_follow: number })[]) {
    requireIntact(row, oldDeliveryChecksum(row), () => nameOf(row));
    const { seq, adapter, cycle, attempts, spent, crashes, last_cursor: previous } = row;
    if (row.may_follow === 1) {
      mayFollow.add(`${seq} ${adapter}`);
      continue;
    }
    cursor = (cursor ?? row.newest_cursor) + 1;
    const state = stateCodes.dead_lettered;
    insert.run(cursor, previous, seq, adapter, state, cycle, attempts, spent, crashes, Date.now(), DEAD_AGAIN);
    update.run(state, cursor, seq, adapter);
  }
  return mayFollow;
}

function copyEvents(database: DatabaseSync, fromVersion: number): void {
  const select = database.prepare(`
    SELECT *, (SELECT group_concat(adapter.id ORDER BY adapter.id) FROM old_delivery AS delivery
      JOIN old_adapter AS adapter ON number = adapter WHERE delivery.seq = event.seq) AS adapters
    FROM old_event AS event NOT INDEXED ORDER BY seq`);
  const insert = prepareInsert(database, 'event');
  for (const row of rows<OldEvent>(select)) {
    const adapters = row.adapters ?? '';
    const dataChecksum = crc32(row.data);
    const texts = [row.id, row.source, row.type, row.key, row.time_ms, row.content_type, row.attributes];
    const values = [row.seq, ...texts, row.content_hash, row.accepted_at_ms, dataChecksum, ''];
    const checksum = fromVersion === 3 ? rowChecksum(values, SUMMED_3, adapters) : oldEventChecksum(row, adapters);
    requireIntact({ checksum: row.data_checksum }, dataChecksum, () => `the payload of seq ${row.seq}`);
    requireIntact(row, checksum, () => `seq ${row.seq}`);
    insert.run(...values, rowChecksum(values, SUMMED.event, adapters), row.data);
  }
}

function copyDeliveries(database: DatabaseSync, mayFollow: ReadonlySet<string>): void {
  // Of the open delivery of its key that is before all others and before it; null: it is the first itself, or has no key.
  const first = (column: string) => `(SELECT ${column} FROM old_delivery AS first INDEXED BY delivery_open_of_key
    WHERE first.adapter = delivery.adapter AND first.key = delivery.key AND first.key <> '' AND first.state < 2
      AND first.seq < delivery.seq ORDER BY first.seq LIMIT 1)`;
  // Where something replayed is before it, or its adapter was probed, its place does not say whether it was attempted.
  const select = database.prepare(`
    SELECT delivery.*, adapter.id AS adapter_id, event.key AS event_key, event.accepted_at_ms,
      delivery.last_cursor = 0 OR EXISTS (SELECT 1 FROM old_record AS record WHERE cursor = delivery.last_cursor
        AND record.seq = delivery.seq AND record.adapter = delivery.adapter) AS has_newest_record,
      CASE WHEN delivery.state < 2 THEN ${first('seq')} IS NULL ELSE 0 END AS is_head,
      CASE WHEN delivery.state < 2 THEN coalesce(${first('cycle > 1')}, 0) OR delivery.state = 1 AND EXISTS (
        SELECT 1 FROM breaker WHERE breaker.adapter = adapter.id AND breaker.state <> 'closed') ELSE 0 END AS may_have_run
    FROM old_delivery AS delivery NOT INDEXED LEFT JOIN old_event AS event ON event.seq = delivery.seq
      LEFT JOIN adapter ON number = delivery.adapter
    ORDER BY delivery.seq, delivery.adapter`);
  const insert = prepareInsert(database, 'delivery');
  for (const row of rows<CopiedDelivery>(select)) {
    requireIntact(row, oldDeliveryChecksum(row), () => nameOf(row));
    if (row.event_key !== row.key) throw new CorruptionError(`${nameOf(row)} has no event, or one of another key`);
    if (row.has_newest_record === 0)
      throw new CorruptionError(`record ${row.last_cursor} of ${nameOf(row)} is missing`);
    const { seq, adapter, key, state, is_head, may_have_run, cycle, attempts, spent, crashes, reopened_at_ms } = row;
    const may_follow = Number(mayFollow.has(`${seq} ${adapter}`));
    const since_ms = reopened_at_ms ?? row.accepted_at_ms ?? 0;
    const due_at_ms = state === stateCodes.retrying ? row.not_before_ms : since_ms;
    // As after each start of version 2, which did not keep who asked for the wait.
    const head = { is_head, may_follow, may_have_run, due_at_ms, not_before_ms: 0, since_ms };
    const delivery = { seq, adapter, key, state, ...head, cycle, attempts, spent, crashes, reopened_at_ms };
    insert.run(...deliveryToValues(delivery));
  }
}

function copyRecords(database: DatabaseSync): void {
  const select = database.prepare(`
    SELECT record.*, event.id AS event_id, event.source AS event_source, record.previous = 0 OR EXISTS (
      SELECT 1 FROM old_record AS before WHERE before.cursor = record.previous AND before.cursor < record.cursor
        AND before.seq = record.seq AND before.adapter = record.adapter) AS has_previous
    FROM old_record AS record NOT INDEXED
      LEFT JOIN old_delivery AS delivery ON delivery.seq = record.seq AND delivery.adapter = record.adapter
      LEFT JOIN old_event AS event ON event.seq = delivery.seq
    ORDER BY cursor`);
  const insert = prepareInsert(database, 'record');
  for (const row of rows<CopiedRecord>(select)) {
    const name = `record ${row.cursor}`;
    const id = row.event_id ?? '';
    requireIntact(row, oldRecordChecksum(row, id), () => name);
    if (row.event_id === null) throw new CorruptionError(`${name} has no delivery`);
    if (row.has_previous === 0) throw new CorruptionError(`what comes before ${name} is not in its place`);
    const { adapter, cursor, seq, version, state, cycle, attempts, spent, crashes } = row;
    const counts = [adapter, cursor, seq, version, state, cycle, attempts, spent, crashes];
    const attempt = [row.outcome, row.started_at_ms, row.duration_ms, row.receipt, row.code, row.message];
    const values = [...counts, row.at_ms, row.next_attempt_at_ms, ...attempt];
    insert.run(...values, rowChecksum(values, SUMMED.record, id, row.event_source ?? ''));
  }
}

function nameOf({ seq, adapter, adapter_id }: OldDelivery): string {
  return `the delivery of seq ${seq} to ${adapter_id ?? `the unknown adapter ${adapter}`}`;
}

function rows<Row>(select: StatementSync): Iterable<Row> {
  return select.iterate() as Iterable<unknown> as Iterable<Row>;
}

function requireIntact({ checksum }: OldChecksum, computed: number, name: () => string): void {
  if (checksum !== null && checksum !== computed) throw new CorruptionError(`${name()} does not match its checksum`);
}

// The checksums of version 2: numbers were mixed by hand into the start of a CRC-32.

function oldEventChecksum(row: OldEvent, adapters: string): number {
  const mixed = mixAll([row.seq, row.time_ms, row.accepted_at_ms, row.last_cursor, row.data_checksum ?? 0]);
  const texts = [row.id, row.source, row.type, row.key, row.content_type, row.attributes, adapters];
  return crc32(texts.join('\0'), crc32(row.content_hash, mixed));
}

function oldDeliveryChecksum(row: OldDelivery): number {
  const { seq, adapter, state, cycle, attempts, spent, crashes, not_before_ms, last_cursor, reopened_at_ms } = row;
  const times = [not_before_ms, last_cursor, reopened_at_ms ?? -1];
  return mixAll([seq, adapter, state, cycle, attempts, spent, crashes, ...times]);
}

function oldRecordChecksum(row: OldRecord, eventId: string): number {
  const { cursor, previous, seq, adapter, state, cycle, attempts, spent, crashes, at_ms, next_attempt_at_ms } = row;
  const attempt = [row.outcome ?? -1, row.started_at_ms ?? -1, row.duration_ms ?? -1];
  const counts = [cursor, previous, seq, adapter, state, cycle, attempts, spent, crashes];
  const texts = [eventId, row.version, row.receipt ?? '\x01', row.code ?? '\x01', row.message ?? '\x01'];
  return crc32(texts.join('\0'), mixAll([...counts, at_ms, next_attempt_at_ms, ...attempt]));
}

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);
const [LOW, HIGH] = endianness() === 'LE' ? [0, 1] : [1, 0];

function mixAll(numbers: readonly number[]): number {
  let mixed = 0;
  for (const number of numbers) {
    float[0] = number;
    mixed = turn(turn(mixed ^ (halves[LOW] ?? 0)) ^ (halves[HIGH] ?? 0));
  }
  return mixed >>> 0;
}

function turn(bits: number): number {
  const product = Math.imul(bits, 0xcc_9e_2d_51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b_87_35_93) + 1;
}
