import { Buffer } from 'node:buffer';

/** What a journal holds, in a form that both engines read and write. */
export type Value = string | number | Uint8Array | null;
/** The values of a table's columns, in their order. */
export type Row = readonly Value[];

type Kind = 'int' | 'real' | 'text' | 'bytes';

export interface CopiedTable {
  /** In their order. The first ones are the key, by which rows are ordered: texts by the bytes of their UTF-8. */
  readonly columns: Readonly<Record<string, Kind>>;
  readonly keys: number;
  /** The last column is not compared: what it says is compared in another table. */
  readonly hasDerivedColumn?: true;
}

const COUNTS = { cycle: 'int', attempts: 'int', spent: 'int', crashes: 'int' } as const;

/**
 * In the order in which they are copied.
 *
 * - lane: an adapter with its number in all rows. pruned_to: the position that it counts on from without a record.
 * - event.adapters: the numbers of its adapters in ascending order, such as "1,2,3".
 * - delivery: of a settled one the columns from is_head on are null: nothing depends on them any more.
 * - record.reopened_at_ms: that of its delivery, of a record of the delivery's present cycle; null otherwise.
 */
export const TABLES = {
  lane: {
    columns: {
      ...{ number: 'int', adapter: 'text', receives: 'int', holds: 'int', pruned_to: 'int' },
      ...{ breaker_state: 'text', breaker_since_ms: 'real', breaker_cause: 'text' },
      ...{ pause_reason: 'text', pause_since_ms: 'real' },
    },
    keys: 1,
  },
  event: {
    columns: {
      ...{ seq: 'int', id: 'text', source: 'text', type: 'text', key: 'text', time_ms: 'real', content_type: 'text' },
      ...{ attributes: 'text', content_hash: 'bytes', accepted_at_ms: 'real', data_checksum: 'int' },
      ...{ published_by: 'text', adapters: 'text', data: 'bytes' },
    },
    keys: 1,
  },
  delivery: {
    columns: {
      ...{ seq: 'int', adapter: 'int', key: 'text', state: 'int', ...COUNTS, reopened_at_ms: 'real' },
      ...{ is_head: 'int', may_follow: 'int', may_have_run: 'int' },
      ...{ due_at_ms: 'real', not_before_ms: 'real', since_ms: 'real' },
    },
    keys: 2,
  },
  record: {
    columns: {
      ...{ adapter: 'int', position: 'int', seq: 'int', version: 'text', state: 'int', ...COUNTS, at_ms: 'real' },
      ...{ next_attempt_at_ms: 'real', outcome: 'int', started_at_ms: 'real', duration_ms: 'real', receipt: 'text' },
      ...{ code: 'text', message: 'text', reopened_at_ms: 'real' },
    },
    keys: 2,
    hasDerivedColumn: true,
  },
  watched_key: { columns: { adapter: 'int', key: 'text', newest_delivered_seq: 'int' }, keys: 2 },
  replay_job: { columns: { id: 'text', created_at_ms: 'real', content: 'text' }, keys: 1 },
} as const satisfies Readonly<Record<string, CopiedTable>>;

export type TableName = keyof typeof TABLES;

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[];

export function tableOf(name: TableName): CopiedTable {
  return TABLES[name];
}

/** A key before that of every row. */
export function firstKey(name: TableName): Row {
  return Object.values(TABLES[name].columns)
    .slice(0, TABLES[name].keys)
    .map((kind) => (kind === 'text' ? '' : 0));
}

export function columnNames(name: TableName): readonly string[] {
  return Object.keys(TABLES[name].columns);
}

/** What a journal is apart from its rows. */
export interface Identity {
  /** It is part of cursors, so a copy has the same. */
  readonly id: string;
  /** Positions of new lanes are counted on from here: see ../sqlite/schema.ts. */
  readonly positionsAfter: number;
  /** Up to this seq an id is unique over all sources. */
  readonly uniqueIdsToSeq: number;
}

/** A journal that no hub has open. */
export interface CopySource {
  /** For messages. */
  readonly location: string;
  identity(): Promise<Identity>;
  /** In the order of the key, behind a row of which only the key counts; absent: from the first. */
  read(table: TableName, after?: Row): AsyncIterable<Row>;
  close(): Promise<void>;
}

/** A journal that has no events yet, or only some of a copy that was not finished. No hub can open it before it is. */
export interface CopyTarget extends CopySource {
  /** @throws {JournalError} when it is the unfinished copy of another journal */
  begin(identity: Identity): Promise<void>;
  /** The key of the last row that is there. */
  last(table: TableName): Promise<Row | undefined>;
  /** Adds rows, in one commit. */
  write(table: TableName, rows: readonly Row[]): Promise<void>;
  /** All rows are there: hubs may open it. */
  finish(): Promise<void>;
}

/** One text for equal rows. */
export function canonical(name: TableName, row: Row): string {
  return JSON.stringify(comparedValues(name, row).map(canonicalValue));
}

/** The columns in which two rows differ. */
export function differentColumns(name: TableName, left: Row, right: Row): readonly string[] {
  const others = comparedValues(name, right).map(canonicalValue);
  const differs = comparedValues(name, left).map((value, place) => canonicalValue(value) !== others[place]);
  return columnNames(name).filter((_, place) => differs[place]);
}

/** Such as "delivery (seq 2, adapter 1)". */
export function nameOf(name: TableName, row: Row): string {
  const keys = columnNames(name)
    .slice(0, TABLES[name].keys)
    .map((column, place) => `${column} ${row[place]}`);
  return `${name} (${keys.join(', ')})`;
}

export function hasSameKey(name: TableName, left: Row, right: Row): boolean {
  return left.slice(0, TABLES[name].keys).every((value, place) => value === right[place]);
}

function comparedValues(name: TableName, row: Row): Row {
  return tableOf(name).hasDerivedColumn ? row.slice(0, -1) : row;
}

function canonicalValue(value: Value | undefined): string | number | null | undefined {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  // Plus 0: SQLite returns the negative zero as the positive one. JSON has no infinity.
  if (typeof value === 'number') return Number.isFinite(value) ? value + 0 : String(value);
  return value;
}
