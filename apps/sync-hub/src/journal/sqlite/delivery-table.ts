import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { isOpenCode, stateCodes } from '../codes.ts';
import type { Lane, LaneTable } from './lane-table.ts';
import {
  type DeliveryRow,
  type DeliveryValues,
  deliveryFromValues,
  deliveryToValues,
  prepareDeliveryUpdate,
  prepareInsert,
  prepareValues,
  requireIntactDelivery,
} from './rows.ts';
import type { StalenessIndex } from './staleness-index.ts';

export interface NewDelivery {
  readonly seq: number;
  readonly key: string;
  readonly isHead: boolean;
  readonly dueAtMs: number;
  readonly sinceMs: number;
}

interface DeliveriesDeps {
  readonly database: DatabaseSync;
  readonly lanes: LaneTable;
  readonly stalenessIndex: StalenessIndex;
}

/** Heads that are kept at hand of each lane: more than run at a time. */
const HEADS_MAX = 4_096;

/** The rows of the table delivery, and what follows from them: counts and watched keys. */
export class DeliveryTable {
  readonly #lanes: LaneTable;
  readonly #stalenessIndex: StalenessIndex;
  readonly #statements: ReturnType<typeof prepare>;

  constructor({ database, lanes, stalenessIndex }: DeliveriesDeps) {
    this.#lanes = lanes;
    this.#stalenessIndex = stalenessIndex;
    this.#statements = prepare(database);
  }

  /** A new one. */
  insert(lane: Lane, { seq, key, isHead, dueAtMs, sinceMs }: NewDelivery): void {
    const row = {
      seq,
      adapter: lane.number,
      key,
      state: stateCodes.waiting,
      is_head: Number(isHead),
      may_follow: 0,
      may_have_run: 0,
      due_at_ms: dueAtMs,
      not_before_ms: 0,
      since_ms: sinceMs,
      cycle: 1,
      attempts: 0,
      spent: 0,
      crashes: 0,
      reopened_at_ms: null,
    };
    this.#write(this.#statements.insert, row);
    lane.unsettled++;
    this.#keep(lane, row);
  }

  get(lane: Lane | undefined, seq: number): DeliveryRow | undefined {
    return lane && (lane.heads.get(seq) ?? this.#maybe(this.#statements.select.get(seq, lane.number)));
  }

  ofEvent(seq: number): DeliveryRow[] {
    return this.#statements.selectOfEvent.all(seq).map((values) => this.intact(values));
  }

  /** Of a key the open one that was accepted first, whichever is the head. */
  oldestOpen(lane: Lane, key: string): DeliveryRow | undefined {
    return this.#maybe(this.#statements.selectOldestOpen.get(key, lane.number));
  }

  /** The seq of a key's first dead letter; Infinity: it has none. */
  oldestDeadSeq(lane: Lane, key: string): number {
    if (lane.deadLetters === 0) return Number.POSITIVE_INFINITY;
    return Number(this.#statements.selectOldestDead.get(key, lane.number)?.seq ?? Number.POSITIVE_INFINITY);
  }

  /**
   * The head of a key. It is the oldest open one, unless that was replayed: then it lies behind what was replayed before
   * it, and is first looked for after a seq.
   */
  head(lane: Lane, key: string, afterSeq: number): DeliveryRow | undefined {
    const oldest = this.oldestOpen(lane, key);
    if (oldest === undefined || oldest.is_head === 1) return oldest;
    if (lane.holds && this.oldestDeadSeq(lane, key) < oldest.seq) return undefined;
    const { selectHead } = this.#statements;
    return this.#maybe(selectHead.get(key, lane.number, afterSeq) ?? selectHead.get(key, lane.number, 0));
  }

  /** True when a later one of the key was attempted, perhaps, and lost its place to a dead letter that holds the key. */
  mayHaveRunAfter(lane: Lane, { key, seq }: { readonly key: string; readonly seq: number }): boolean {
    return this.#statements.selectMayHaveRun.get(key, lane.number, seq) !== undefined;
  }

  /** True when the key has an open delivery at any adapter. */
  isAnyOpen(key: string): boolean {
    return this.#statements.selectAnyOpen.get(key) !== undefined;
  }

  isRetrying(row: DeliveryRow | undefined): boolean {
    return row?.state === stateCodes.retrying;
  }

  /** An open delivery is held when an earlier one of its key waits: for its next attempt, or for an operator. */
  isHeldByKey(lane: Lane, { key, seq }: { readonly key: string; readonly seq: number }): boolean {
    if (key === '') return false;
    const oldest = this.oldestOpen(lane, key);
    const isBehindRetry = oldest !== undefined && oldest.seq < seq && this.isRetrying(oldest);
    return isBehindRetry || (lane.holds && this.oldestDeadSeq(lane, key) < seq);
  }

  /** Writes what changed. */
  update(lane: Lane, stateBefore: number, row: DeliveryRow): void {
    this.#write(this.#statements.update, row);
    this.#keep(lane, row);
    if (row.state === stateBefore) return;
    lane.unsettled += Number(isOpenCode(row.state)) - Number(isOpenCode(stateBefore));
    lane.deadLetters +=
      Number(row.state === stateCodes.dead_lettered) - Number(stateBefore === stateCodes.dead_lettered);
    if (row.key !== '') this.#stalenessIndex.changed(lane, row);
  }

  /** A head is soon asked for again, with its outcome: it is then not read. */
  #keep({ heads }: Lane, row: DeliveryRow): void {
    if (row.is_head === 0) {
      heads.delete(row.seq);
      return;
    }
    heads.set(row.seq, row);
    if (heads.size > HEADS_MAX) heads.delete(heads.keys().next().value as number);
  }

  #write(statement: StatementSync, row: DeliveryRow): void {
    statement.run(...deliveryToValues(row));
  }

  /** @throws {CorruptionError} */
  intact(values: unknown): DeliveryRow {
    requireIntactDelivery(values as DeliveryValues, this.#lanes);
    return deliveryFromValues(values as DeliveryValues);
  }

  #maybe(values: unknown): DeliveryRow | undefined {
    return values === undefined ? undefined : this.intact(values);
  }
}

/** INDEXED BY: a query that cannot use its partial index fails to prepare, instead of reading all deliveries. */
function prepare(database: DatabaseSync) {
  return {
    insert: prepareInsert(database, 'delivery'),
    update: prepareDeliveryUpdate(database),
    select: prepareValues(database, 'SELECT * FROM delivery WHERE seq = ? AND adapter = ?'),
    selectOfEvent: prepareValues(database, 'SELECT * FROM delivery WHERE seq = ?'),
    selectMayHaveRun: database.prepare(`
      SELECT 1 FROM delivery INDEXED BY delivery_open_of_key
      WHERE key = ? AND key <> '' AND adapter = ? AND state < 2 AND seq > ? AND may_have_run = 1 LIMIT 1`),
    selectOldestOpen: prepareValues(
      database,
      `SELECT * FROM delivery INDEXED BY delivery_open_of_key
      WHERE key = ? AND key <> '' AND adapter = ? AND state < 2 ORDER BY seq LIMIT 1`,
    ),
    selectOldestDead: database.prepare(`
      SELECT seq FROM delivery INDEXED BY delivery_dead_of_key
      WHERE key = ? AND key <> '' AND adapter = ? AND state = 4 ORDER BY seq LIMIT 1`),
    selectHead: prepareValues(
      database,
      `SELECT * FROM delivery INDEXED BY delivery_open_of_key
      WHERE key = ? AND key <> '' AND adapter = ? AND state < 2 AND seq > ? AND is_head = 1 ORDER BY seq LIMIT 1`,
    ),
    selectAnyOpen: database.prepare(`
      SELECT 1 FROM delivery INDEXED BY delivery_open_of_key WHERE key = ? AND key <> '' AND state < 2 LIMIT 1`),
  };
}
