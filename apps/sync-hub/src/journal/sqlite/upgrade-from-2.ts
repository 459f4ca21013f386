import { endianness } from 'node:os';
import type { DatabaseSync, SQLInputValue, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { pageProblems } from '../integrity/check-rows.ts';
import { CorruptionError } from '../integrity/corruption-error.ts';
import type { HighWater } from '../integrity/high-water-mark.ts';
import { deliveryChecksum, eventChecksum, recordChecksum } from '../integrity/row-checksum.ts';
import { stateCodes } from './codes.ts';

// The rows of version 2, copied into the tables of version 3. Each is checked by its old checksum for the last time:
// a new one would hide what the disk did to it. Null checksums are of version 1, which had none.

interface OldEvent {
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
  readonly checksum: number | null;
  /** The ids of its adapters, in alphabetical order; null: none. */
  readonly adapters: string | null;
}

interface OldDelivery {
  readonly seq: number;
  readonly adapter: number;
  readonly key: string;
  readonly state: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  /** When its next attempt was due, whoever asked for that. */
  readonly not_before_ms: number;
  readonly last_cursor: number;
  readonly reopened_at_ms: number | null;
  readonly checksum: number | null;
}

interface CopiedDelivery extends OldDelivery {
  readonly accepted_at_ms: number | null;
  readonly adapter_id: string | null;
  readonly event_key: string | null;
  readonly has_newest_record: number;
  readonly is_head: number;
  /** Something replayed is before it, or its adapter was probed: the place of a row does not say whether it was attempted. */
  readonly may_have_run: number;
}

interface OldRecord {
  readonly cursor: number;
  readonly previous: number;
  readonly seq: number;
  readonly adapter: number;
  readonly version: string;
  readonly state: number;
  readonly cycle: number;
  readonly attempts: number;
  readonly spent: number;
  readonly crashes: number;
  readonly at_ms: number;
  readonly next_attempt_at_ms: number;
  readonly outcome: number | null;
  readonly started_at_ms: number | null;
  readonly duration_ms: number | null;
  readonly receipt: string | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly checksum: number | null;
}

interface CopiedRecord extends OldRecord {
  /** Null: it has no delivery. */
  readonly event_id: string | null;
  readonly event_source: string;
  readonly has_previous: number;
}

const DEAD_AGAIN =
  'A newer event of its key was delivered meanwhile. Replay it again with include_stale if it is to follow that one.';

/** Also of version 1, which had the same. */
export function readHighWaterOf2(database: DatabaseSync): HighWater {
  const row = database
    .prepare('SELECT id, (SELECT max(seq) FROM event) AS seq, (SELECT max(cursor) FROM record) AS cursor FROM journal')
    .get();
  return { id: String(row?.id), newestSeq: Number(row?.seq), positions: Number(row?.cursor) };
}

/**
 * Copies the rows of version 2 into the tables of version 3. To be called in the transaction of the upgrade.
 *
 * @throws {CorruptionError} when something is not as it was written
 */
export function copyRows(database: DatabaseSync): void {
  try {
    const [problem] = pageProblems(database, 1);
    if (problem !== undefined) throw new CorruptionError(problem);
    const mayFollow = judgeReplayed(database);
    copyEvents(database);
    copyDeliveries(database, mayFollow);
    copyRecords(database);
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    throw new CorruptionError(`${error.message}. It was not upgraded: the hub that wrote it can verify it`);
  }
  // A position is the cursor that the record had: so what a cursor or a job meant of all lanes it means of each.
  database.exec(`
    UPDATE journal SET positions_after = (SELECT coalesce(max(cursor), 0) FROM record);
    UPDATE replay_job SET content = json_set(json_remove(content, '$.upToCursor'), '$.upTo',
      json((SELECT json_group_object(id, json_extract(content, '$.upToCursor')) FROM adapter)))`);
}

/**
 * Version 2 judged a replayed dead letter in two steps, so it may have been killed between them: before it saw that a newer
 * event of the key was delivered meanwhile. That one is a dead letter again, unless a job wanted just that. Returns the
 * deliveries of which it did.
 */
function judgeReplayed(database: DatabaseSync): ReadonlySet<string> {
  const selectStale = database.prepare(`
    SELECT delivery.*, adapter.id AS adapter_id, (SELECT max(cursor) FROM record) AS newest_cursor, EXISTS (SELECT 1 FROM replay_job
      WHERE json_extract(content, '$.includeStale') AND created_at_ms <= reopened_at_ms) AS may_follow
    FROM delivery JOIN watched_key USING (adapter, key) JOIN adapter ON number = delivery.adapter
    WHERE state < 2 AND cycle > 1 AND newest_delivered_seq > delivery.seq`);
  const insert = inserting(database, 'record');
  const update = database.prepare(
    'UPDATE delivery SET state = ?, last_cursor = ?, checksum = NULL WHERE seq = ? AND adapter = ?',
  );
  type Stale = OldDelivery & {
    readonly adapter_id: string;
    readonly newest_cursor: number;
    readonly may_follow: number;
  };
  const stale = selectStale.all() as unknown as Stale[];
  let cursor = stale[0]?.newest_cursor ?? 0;
  for (const row of stale) {
    requireIntact(row.checksum, oldDeliveryChecksum(row), `the delivery of seq ${row.seq} to ${row.adapter_id}`);
    if (row.may_follow === 1) continue;
    const { seq, adapter, cycle, attempts, spent, crashes, last_cursor: previous } = row;
    cursor += 1;
    const [state, at_ms] = [stateCodes.dead_lettered, Date.now()];
    const counts = { state, cycle, attempts, spent, crashes };
    insert({
      cursor,
      previous,
      seq,
      adapter,
      version: '',
      ...counts,
      at_ms,
      next_attempt_at_ms: 0,
      message: DEAD_AGAIN,
    });
    update.run(state, cursor, seq, adapter);
  }
  return new Set(stale.filter((row) => row.may_follow === 1).map(({ seq, adapter }) => `${seq} ${adapter}`));
}

function copyEvents(database: DatabaseSync): void {
  const select = database.prepare(`
    SELECT *, (SELECT group_concat(adapter.id ORDER BY adapter.id) FROM delivery JOIN adapter ON number = adapter
      WHERE delivery.seq = event.seq) AS adapters
    FROM event NOT INDEXED ORDER BY seq`);
  const insert = inserting(database, 'event_3');
  for (const row of rows<OldEvent>(select)) {
    const adapters = row.adapters?.split(',') ?? [];
    requireIntact(row.checksum, oldEventChecksum(row, adapters), `seq ${row.seq}`);
    requireIntact(row.data_checksum, crc32(row.data), `the payload of seq ${row.seq}`);
    const event = {
      seq: row.seq,
      id: row.id,
      source: row.source,
      type: row.type,
      key: row.key,
      time_ms: row.time_ms,
      content_type: row.content_type,
      attributes: row.attributes,
      content_hash: row.content_hash,
      accepted_at_ms: row.accepted_at_ms,
      data_checksum: crc32(row.data),
    };
    insert({ ...event, data: row.data, checksum: eventChecksum(event, adapters) });
  }
}

function copyDeliveries(database: DatabaseSync, mayFollow: ReadonlySet<string>): void {
  // Of the open delivery of its key that is before all others and before it; null: it is the first itself, or has no key.
  const first = (column: string) => `(SELECT ${column} FROM delivery AS first INDEXED BY delivery_open_of_key
    WHERE first.adapter = delivery.adapter AND first.key = delivery.key AND first.key <> '' AND first.state < 2
      AND first.seq < delivery.seq ORDER BY first.seq LIMIT 1)`;
  const select = database.prepare(`
    SELECT delivery.*, adapter.id AS adapter_id, event.key AS event_key, event.accepted_at_ms,
      delivery.last_cursor = 0 OR EXISTS (SELECT 1 FROM record
        WHERE cursor = delivery.last_cursor AND record.seq = delivery.seq AND record.adapter = delivery.adapter) AS has_newest_record,
      CASE WHEN delivery.state < 2 THEN ${first('seq')} IS NULL ELSE 0 END AS is_head,
      CASE WHEN delivery.state < 2 THEN coalesce(${first('cycle > 1')}, 0) OR delivery.state = 1 AND EXISTS (
        SELECT 1 FROM breaker JOIN adapter ON id = breaker.adapter
        WHERE number = delivery.adapter AND breaker.state <> 'closed') ELSE 0 END AS may_have_run
    FROM delivery NOT INDEXED LEFT JOIN event ON event.seq = delivery.seq
      LEFT JOIN adapter ON number = delivery.adapter
    ORDER BY delivery.seq, delivery.adapter`);
  const insert = inserting(database, 'delivery_3');
  for (const row of rows<CopiedDelivery>(select)) {
    const { seq, adapter, state, cycle, attempts, spent, crashes, reopened_at_ms } = row;
    const name = `the delivery of seq ${seq} to ${row.adapter_id ?? `the unknown adapter ${adapter}`}`;
    requireIntact(row.checksum, oldDeliveryChecksum(row), name);
    if (row.event_key !== row.key) throw new CorruptionError(`${name} has no event, or one of another key`);
    if (row.has_newest_record === 0) throw new CorruptionError(`record ${row.last_cursor} of ${name} is missing`);
    const waitsSinceMs = reopened_at_ms ?? row.accepted_at_ms ?? 0;
    const delivery = {
      seq,
      adapter,
      key: row.key,
      state,
      is_head: row.is_head,
      may_follow: Number(mayFollow.has(`${seq} ${adapter}`)),
      may_have_run: row.may_have_run,
      due_at_ms: state === stateCodes.retrying ? row.not_before_ms : waitsSinceMs,
      // As after each start of version 2, which did not keep who asked for the wait.
      not_before_ms: 0,
      cycle,
      attempts,
      spent,
      crashes,
      since_ms: waitsSinceMs,
      reopened_at_ms,
    };
    insert({ ...delivery, checksum: deliveryChecksum(delivery) });
  }
}

function copyRecords(database: DatabaseSync): void {
  const select = database.prepare(`
    SELECT record.*, event.id AS event_id, event.source AS event_source, record.previous = 0 OR EXISTS (
      SELECT 1 FROM record AS before WHERE before.cursor = record.previous AND before.cursor < record.cursor
        AND before.seq = record.seq AND before.adapter = record.adapter) AS has_previous
    FROM record NOT INDEXED LEFT JOIN delivery ON delivery.seq = record.seq AND delivery.adapter = record.adapter
      LEFT JOIN event ON event.seq = delivery.seq
    ORDER BY cursor`);
  const insert = inserting(database, 'record_3');
  for (const row of rows<CopiedRecord>(select)) {
    const event = { id: row.event_id ?? '', source: row.event_source ?? '' };
    requireIntact(row.checksum, oldRecordChecksum(row, event.id), `record ${row.cursor}`);
    if (row.event_id === null) throw new CorruptionError(`record ${row.cursor} has no delivery`);
    if (row.has_previous === 0) throw new CorruptionError(`what comes before record ${row.cursor} is not in its place`);
    const record = {
      adapter: row.adapter,
      position: row.cursor,
      seq: row.seq,
      version: row.version,
      state: row.state,
      cycle: row.cycle,
      attempts: row.attempts,
      spent: row.spent,
      crashes: row.crashes,
      at_ms: row.at_ms,
      next_attempt_at_ms: row.next_attempt_at_ms,
      outcome: row.outcome,
      started_at_ms: row.started_at_ms,
      duration_ms: row.duration_ms,
      receipt: row.receipt,
      code: row.code,
      message: row.message,
    };
    insert({ ...record, checksum: recordChecksum(record, event) });
  }
}

function rows<Row>(select: StatementSync): Iterable<Row> {
  return select.iterate() as Iterable<unknown> as Iterable<Row>;
}

/** Inserts rows that all name the same columns in the same order. */
function inserting(database: DatabaseSync, table: string): (row: Readonly<Record<string, SQLInputValue>>) => void {
  let insert: StatementSync | undefined;
  return (row) => {
    insert ??= prepareInsert(database, table, Object.keys(row));
    insert.run(...Object.values(row));
  };
}

function prepareInsert(database: DatabaseSync, table: string, columns: readonly string[]): StatementSync {
  return database.prepare(`INSERT INTO ${table} (${columns}) VALUES (${columns.map(() => '?')})`);
}

function requireIntact(stored: number | null, computed: number, name: string): void {
  if (stored !== null && stored !== computed) throw new CorruptionError(`${name} does not match its checksum`);
}

// The checksums of version 2: numbers were mixed by hand into the start of a CRC-32.

function oldEventChecksum(row: OldEvent, adapters: readonly string[]): number {
  const mixed = mixAll([row.seq, row.time_ms, row.accepted_at_ms, row.last_cursor, row.data_checksum ?? 0]);
  const texts = [row.id, row.source, row.type, row.key, row.content_type, row.attributes, adapters.join()];
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
