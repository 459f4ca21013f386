import { createHash } from 'node:crypto';
import {
  type CopySource,
  type CopyTarget,
  canonical,
  differentColumns,
  hasSameKey,
  nameOf,
  type Row,
  TABLE_NAMES,
  type TableName,
} from './copied-tables.ts';

/** One commit of the target: some thousand rows, or some megabytes. */
const BATCH_ROWS = 2_000;
const BATCH_BYTES = 8 * 1024 * 1024;

const PROGRESS_EVERY_MS = 1_000;

export interface CopyReport {
  /** Of the rows that are the same on both sides, by table. */
  readonly rows: Readonly<Record<TableName, number>>;
  /** SHA-256 over them, in hexadecimal. */
  readonly sha256: string;
  /** Where both sides differ first, as a sentence without values of payloads; undefined: nowhere. */
  readonly difference: string | undefined;
}

/**
 * Copies a journal, or continues behind the last row that is there, and compares both sides row by row. What is not
 * the same in the end stays an unfinished copy.
 *
 * @param report called about once a second, with how far it is
 */
export async function copyJournal(
  from: CopySource,
  to: CopyTarget,
  report: (progress: string) => void,
): Promise<CopyReport> {
  const progress = new Progress(report);
  await to.begin(await from.identity());
  for (const table of TABLE_NAMES) await copyTable(table, { from, to, progress });
  const compared = await compareJournals(from, to, progress);
  if (compared.difference === undefined) await to.finish();
  return compared;
}

interface Copying {
  readonly from: CopySource;
  readonly to: CopyTarget;
  readonly progress: Progress;
}

async function copyTable(table: TableName, { from, to, progress }: Copying): Promise<void> {
  let [rows, bytes]: [Row[], number] = [[], 0];
  progress.begin(`${table} rows copied`);
  const write = async () => {
    await to.write(table, rows);
    [rows, bytes] = [[], 0];
  };
  for await (const row of from.read(table, await to.last(table))) {
    rows.push(row);
    bytes += bytesOf(row);
    progress.count();
    if (rows.length >= BATCH_ROWS || bytes >= BATCH_BYTES) await write();
  }
  if (rows.length > 0) await write();
  progress.end();
}

/** Reads both sides in order. */
async function compareJournals(from: CopySource, to: CopySource, progress: Progress): Promise<CopyReport> {
  const hash = createHash('sha256');
  const rows = Object.fromEntries(TABLE_NAMES.map((table) => [table, 0])) as Record<TableName, number>;
  const ended = (difference: string | undefined) => ({ rows, sha256: hash.digest('hex'), difference });
  const identities = [await from.identity(), await to.identity()].map((identity) => JSON.stringify(identity));
  if (identities[0] !== identities[1]) return ended('the journals have different ids');
  hash.update(`${identities[0]}\n`);
  for (const table of TABLE_NAMES) {
    progress.begin(`${table} rows compared`);
    for await (const [left, right] of pairs(from.read(table), to.read(table))) {
      const difference = differenceOf(table, left, right);
      if (difference !== undefined) return ended(difference);
      hash.update(`${table}${canonical(table, left as Row)}\n`);
      rows[table] += 1;
      progress.count();
    }
    progress.end();
  }
  return ended(undefined);
}

async function* pairs(
  left: AsyncIterable<Row>,
  right: AsyncIterable<Row>,
): AsyncGenerator<readonly [Row | undefined, Row | undefined]> {
  const sides = [left[Symbol.asyncIterator](), right[Symbol.asyncIterator]()] as const;
  try {
    for (;;) {
      const [one, other] = await Promise.all([sides[0].next(), sides[1].next()]);
      if (one.done && other.done) return;
      yield [one.done ? undefined : one.value, other.done ? undefined : other.value];
    }
  } finally {
    for (const side of sides) await side.return?.();
  }
}

function differenceOf(table: TableName, left: Row | undefined, right: Row | undefined): string | undefined {
  if (left === undefined) return `${nameOf(table, right as Row)} is in the copy alone`;
  if (right === undefined) return `${nameOf(table, left)} is missing in the copy`;
  if (!hasSameKey(table, left, right))
    return `the copy has ${nameOf(table, right)} in the place of ${nameOf(table, left)}`;
  const columns = differentColumns(table, left, right);
  return columns.length === 0 ? undefined : `${nameOf(table, left)} has another ${columns.join(', ')} in the copy`;
}

function bytesOf(row: Row): number {
  let bytes = 0;
  for (const value of row) {
    if (typeof value === 'string') bytes += value.length;
    else if (value instanceof Uint8Array) bytes += value.byteLength;
  }
  return bytes;
}

class Progress {
  readonly #report: (progress: string) => void;
  #what = '';
  #rows = 0;
  #reportAtMs = 0;

  constructor(report: (progress: string) => void) {
    this.#report = report;
  }

  begin(what: string): void {
    [this.#what, this.#rows, this.#reportAtMs] = [what, 0, performance.now() + PROGRESS_EVERY_MS];
  }

  count(): void {
    this.#rows += 1;
    if (performance.now() >= this.#reportAtMs) this.end();
  }

  end(): void {
    this.#report(`${this.#rows} ${this.#what}`);
    this.#reportAtMs = performance.now() + PROGRESS_EVERY_MS;
  }
}
