import { existsSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { lockFolder } from '../../files/folder-lock.ts';
import { syncFolder } from '../../files/private-folder.ts';
import { isOpenCode, stateCodes } from '../codes.ts';
import { readHighWater } from '../integrity/high-water-mark.ts';
import { requireChecksum, rowChecksum } from '../integrity/row-checksum.ts';
import { verifyJournal } from '../integrity/verify-journal.ts';
import { CorruptionError, JournalError } from '../journal-error.ts';
import { FILE_NAME, openDatabase, openReadOnly } from '../sqlite/database.ts';
import { COPY_FOLDER } from '../sqlite/journal-place.ts';
import { LaneTable } from '../sqlite/lane-table.ts';
import {
  columnsOf,
  type DeliveryValues,
  deliveryToValues,
  EVENT_VALUES,
  type EventValues,
  prepareInsert,
  prepareValues,
  type RecordValues,
  requireIntactDelivery,
  requireIntactEvent,
  SUMMED,
} from '../sqlite/rows.ts';
import {
  type CopySource,
  type CopyTarget,
  firstKey,
  type Identity,
  type Row,
  type TableName,
  type Value,
} from './copied-tables.ts';

/**
 * Opens the journal of a data folder to be copied, once all of it was found intact.
 *
 * @throws {JournalError} IN_USE, UNREADABLE, UNSAFE
 * @throws {FolderError} IN_USE by a hub that shares a journal
 */
export function openSqliteSource(folderName: string): CopySource {
  const folder = resolve(folderName);
  const { path, problems } = verifyJournal(folder);
  if (problems.length > 0) {
    throw new JournalError('UNREADABLE', `The journal ${path} is damaged, so it is not copied: ${problems[0]}.`);
  }
  const unlock = lockFolder(folder);
  try {
    const database = openReadOnly(path);
    return new SqliteSource(database, { location: path, unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}

/**
 * Makes a data folder without a journal, or with one that has no events, the target of a copy. The copy is made in a
 * folder of its own, with which no hub starts, and takes the place of the journal once it is finished.
 *
 * @throws {JournalError} IN_USE, UNREADABLE, UNSAFE, UNWRITABLE
 * @throws {FolderError}
 */
export function openSqliteTarget(folderName: string): CopyTarget {
  const folder = resolve(folderName);
  const unlock = lockFolder(folder);
  try {
    requireNoEvents(join(folder, FILE_NAME));
    const { database } = openDatabase(join(folder, COPY_FOLDER), { isCopying: true });
    return new SqliteTarget(database, { location: join(folder, FILE_NAME), folder, unlock });
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Also when a hub has it open. */
function requireNoEvents(path: string): void {
  if (!existsSync(path)) return;
  const database = openReadOnly(path);
  try {
    if (readHighWater(database).newestSeq === 0) return;
  } finally {
    database.close();
  }
  throw new JournalError('UNREADABLE', `${path} has events: copy into a data folder whose journal has none.`);
}

class SqliteSource implements CopySource {
  readonly location: string;
  protected readonly database: DatabaseSync;
  protected lanes: LaneTable;
  readonly #unlock: () => void;

  constructor(
    database: DatabaseSync,
    { location, unlock }: { readonly location: string; readonly unlock: () => void },
  ) {
    this.database = database;
    this.location = location;
    this.lanes = new LaneTable(database);
    this.#unlock = unlock;
  }

  async identity(): Promise<Identity> {
    const row = this.database.prepare('SELECT id, positions_after, unique_ids_to_seq FROM journal').get() ?? {};
    return {
      id: String(row.id),
      positionsAfter: Number(row.positions_after),
      uniqueIdsToSeq: Number(row.unique_ids_to_seq),
    };
  }

  async *read(table: TableName, after: Row = firstKey(table)): AsyncGenerator<Row> {
    const statement = prepareValues(this.database, SELECTS[table]);
    const values = statement.iterate(...(after as (string | number)[])) as Iterable<unknown> as Iterable<Value[]>;
    for (const row of values) yield this.#row(table, row);
  }

  async close(): Promise<void> {
    if (this.database.isOpen) this.database.close();
    this.#unlock();
  }

  /** @throws {CorruptionError} when it is not as it was written */
  #row(table: TableName, values: Value[]): Row {
    if (table === 'event') return this.#event(values as unknown as EventValues);
    if (table === 'delivery') return this.#delivery(values as unknown as DeliveryValues);
    if (table === 'record') return recordRow(values);
    return values;
  }

  #event(values: EventValues): Row {
    requireIntactEvent(values, this.lanes);
    const numbers = (values[14] ?? '').split(',').filter(Boolean).map(Number);
    return [...values.slice(0, 12), numbers.sort((left, right) => left - right).join(), values[13]] as Row;
  }

  #delivery(values: DeliveryValues): Row {
    requireIntactDelivery(values, this.lanes);
    const place = values.slice(4, 10);
    return [
      ...[...values.slice(0, 4), ...values.slice(10, 15)],
      ...(isSettled(values[3]) ? place.map(() => null) : place),
    ];
  }
}

function recordRow(values: Value[]): Row {
  const [eventId, source, cycle, reopenedAtMs] = values.slice(18) as [
    ...[eventId: string | null, source: string | null, cycle: number | null, reopenedAtMs: number | null],
  ];
  const record = values as unknown as RecordValues;
  const place = () => `record ${record[1]} of adapter ${record[0]}`;
  if (eventId === null || source === null || cycle === null) throw new CorruptionError(`${place()} has no delivery`);
  requireChecksum(record[17], rowChecksum(record, SUMMED.record, eventId, source), place);
  return [...values.slice(0, 17), record[5] === cycle ? reopenedAtMs : null];
}

class SqliteTarget extends SqliteSource implements CopyTarget {
  readonly #folder: string;
  readonly #inserts: ReturnType<typeof prepareInserts>;

  constructor(
    database: DatabaseSync,
    { folder, ...source }: { readonly location: string; readonly folder: string; readonly unlock: () => void },
  ) {
    super(database, source);
    this.#folder = folder;
    this.#inserts = prepareInserts(database);
  }

  async begin({ id, positionsAfter, uniqueIdsToSeq }: Identity): Promise<void> {
    const isNew = (await this.last('lane')) === undefined;
    if (isNew) {
      this.database
        .prepare('UPDATE journal SET id = ?, positions_after = ?, unique_ids_to_seq = ?')
        .run(id, positionsAfter, uniqueIdsToSeq);
    } else if ((await this.identity()).id !== id) {
      const folder = join(this.#folder, COPY_FOLDER);
      throw new JournalError('UNREADABLE', `${folder} is the unfinished copy of another journal: remove it first.`);
    }
    this.lanes = new LaneTable(this.database);
  }

  async last(table: TableName): Promise<Row | undefined> {
    return prepareValues(this.database, LAST[table]).get() as unknown as Row | undefined;
  }

  async write(table: TableName, rows: readonly Row[]): Promise<void> {
    this.database.exec('BEGIN IMMEDIATE');
    try {
      for (const row of rows) this.#insert(table, row);
      this.database.exec('COMMIT');
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
    if (table === 'lane') this.lanes = new LaneTable(this.database);
  }

  async finish(): Promise<void> {
    this.database.close();
    const copy = join(this.#folder, COPY_FOLDER);
    const { problems } = verifyJournal(copy);
    if (problems.length > 0) throw new CorruptionError(`the copy is not intact: ${problems[0]}`);
    requireNoEvents(this.location);
    // Of the journal without events, whose place it takes.
    for (const suffix of ['-wal', '-shm', '-end']) rmSync(this.location + suffix, { force: true });
    renameSync(join(copy, FILE_NAME), this.location);
    syncFolder(this.#folder);
    rmSync(copy, { recursive: true });
  }

  #insert(table: TableName, row: Row): void {
    const { lane, breaker, pause, event, delivery, record, watchedKey, job } = this.#inserts;
    const values = row as (string | number | Uint8Array | null)[];
    switch (table) {
      case 'lane':
        lane.run(...values.slice(0, 5));
        if (values[5] !== null) breaker.run(values[1] as string, ...values.slice(5, 8));
        if (values[8] !== null) pause.run(values[1] as string, ...values.slice(8));
        break;
      case 'event':
        event.run(...this.#eventValues(values));
        break;
      case 'delivery':
        delivery.run(...deliveryValues(values));
        break;
      case 'record':
        record.run(...this.#recordValues(values));
        break;
      case 'watched_key':
        watchedKey.run(...values);
        break;
      case 'replay_job':
        job.run(...values);
        break;
    }
  }

  #eventValues(values: Value[]): Value[] {
    const stored = values.slice(0, 12);
    const adapters = this.lanes.list((values[12] as string) || null).join();
    return [...stored, rowChecksum(stored, SUMMED.event, adapters), values[13] as Uint8Array];
  }

  #recordValues(values: Value[]): Value[] {
    const stored = values.slice(0, 17);
    const event = this.#inserts.eventOf.get(values[2] as number);
    if (event === undefined) throw new CorruptionError(`record ${values[1]} of adapter ${values[0]} has no event`);
    return [...stored, rowChecksum(stored, SUMMED.record, String(event.id), String(event.source))];
  }
}

function deliveryValues(values: Value[]): Value[] {
  const [seq, adapter, key, state, cycle, attempts, spent, crashes, reopened_at_ms, ...place] = values as [
    ...[seq: number, adapter: number, key: string, state: number],
    ...[cycle: number, attempts: number, spent: number, crashes: number, reopenedAtMs: number | null],
    ...(number | null)[],
  ];
  const [is_head = 0, may_follow = 0, may_have_run = 0, due_at_ms = 0, not_before_ms = 0, since_ms = 0] = place.map(
    (value) => value ?? 0,
  );
  const heads = { is_head, may_follow, may_have_run, due_at_ms, not_before_ms, since_ms };
  return deliveryToValues({ seq, adapter, key, state, ...heads, cycle, attempts, spent, crashes, reopened_at_ms });
}

/** On PostgreSQL it has no row of its own: see ../postgres/schema.ts. */
function isSettled(stateCode: number): boolean {
  return !isOpenCode(stateCode) && stateCode !== stateCodes.dead_lettered;
}

const SELECTS: Readonly<Record<TableName, string>> = {
  // A breaker or a pause may be kept of an adapter that has no number yet.
  lane: `
    WITH known AS (
      SELECT number, adapter.id, receives, holds, max(pruned_to, positions_after) AS pruned_to FROM adapter, journal
    ), named AS (
      SELECT * FROM known UNION ALL
      SELECT (SELECT coalesce(max(number), 0) FROM known) + row_number() OVER (ORDER BY adapter), adapter, 0, 0,
        positions_after
      FROM (SELECT adapter FROM breaker UNION SELECT adapter FROM lane_pause), journal
      WHERE adapter NOT IN (SELECT id FROM known)
    )
    SELECT number, named.id, receives, holds, pruned_to, breaker.state, breaker.since_ms, breaker.cause,
      lane_pause.reason, lane_pause.since_ms
    FROM named LEFT JOIN breaker ON breaker.adapter = named.id LEFT JOIN lane_pause ON lane_pause.adapter = named.id
    WHERE number > ? ORDER BY number`,
  event: `SELECT ${EVENT_VALUES} FROM event WHERE seq > ? ORDER BY seq`,
  delivery: `SELECT ${columnsOf('delivery')} FROM delivery WHERE (seq, adapter) > (?, ?) ORDER BY seq, adapter`,
  record: `
    SELECT ${columnsOf('record')}, event.id, event.source, delivery.cycle, delivery.reopened_at_ms
    FROM record LEFT JOIN event ON event.seq = record.seq
      LEFT JOIN delivery ON delivery.seq = record.seq AND delivery.adapter = record.adapter
    WHERE (record.adapter, position) > (?, ?) ORDER BY record.adapter, position`,
  watched_key: `
    SELECT adapter, key, newest_delivered_seq FROM watched_key WHERE (adapter, key) > (?, ?) ORDER BY adapter, key`,
  replay_job: 'SELECT id, created_at_ms, content FROM replay_job WHERE id > ? ORDER BY id',
};

const LAST: Readonly<Record<TableName, string>> = {
  lane: 'SELECT number FROM adapter ORDER BY number DESC LIMIT 1',
  event: 'SELECT seq FROM event ORDER BY seq DESC LIMIT 1',
  delivery: 'SELECT seq, adapter FROM delivery ORDER BY seq DESC, adapter DESC LIMIT 1',
  record: 'SELECT adapter, position FROM record ORDER BY adapter DESC, position DESC LIMIT 1',
  watched_key: 'SELECT adapter, key FROM watched_key ORDER BY adapter DESC, key DESC LIMIT 1',
  replay_job: 'SELECT id FROM replay_job ORDER BY id DESC LIMIT 1',
};

function prepareInserts(database: DatabaseSync) {
  return {
    lane: database.prepare('INSERT INTO adapter (number, id, receives, holds, pruned_to) VALUES (?, ?, ?, ?, ?)'),
    breaker: database.prepare('INSERT INTO breaker (adapter, state, since_ms, cause) VALUES (?, ?, ?, ?)'),
    pause: database.prepare('INSERT INTO lane_pause (adapter, reason, since_ms) VALUES (?, ?, ?)'),
    event: prepareInsert(database, 'event'),
    delivery: prepareInsert(database, 'delivery'),
    record: prepareInsert(database, 'record'),
    eventOf: database.prepare('SELECT id, source FROM event WHERE seq = ?'),
    watchedKey: database.prepare('INSERT INTO watched_key (adapter, key, newest_delivered_seq) VALUES (?, ?, ?)'),
    job: database.prepare('INSERT INTO replay_job (id, created_at_ms, content) VALUES (?, ?, ?)'),
  };
}
