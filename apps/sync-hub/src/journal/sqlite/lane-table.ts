import type { DatabaseSync } from 'node:sqlite';
import { CorruptionError } from '../journal-error.ts';
import type { DeliveryRow } from './rows.ts';

/** A lane as the store has it at hand: what it counts along, and what belongs to the session. */
export interface Lane {
  /** Identifies the adapter in every row. */
  readonly number: number;
  readonly id: string;
  /** New events go to it. */
  receives: boolean;
  /** A dead letter holds its key. */
  holds: boolean;
  /** Of its newest record; of a lane without one the place that it counts on from. */
  position: number;
  unsettled: number;
  deadLetters: number;
  /** It has watched keys, see staleness-index.ts. */
  isWatching: boolean;
  /** Rows of heads, by seq, see delivery-table.ts. */
  heads: Map<number, DeliveryRow>;
  /** Of whoever opened it last; 0: nobody did in this session. */
  epoch: number;
  /** No due time is further away. */
  longestWaitMs: number;
  /** The last place that was given in this session. */
  lastDueAtMs: number;
  lastSeq: number;
  /** The last place that was ready when it was opened. */
  recoveredDueAtMs: number;
  recoveredSeq: number;
}

/** The lanes that the journal knows. Counts over the partial indexes once, then along. */
export class LaneTable {
  readonly #statements: ReturnType<typeof prepare>;
  readonly #byId = new Map<string, Lane>();
  readonly #byNumber = new Map<number, Lane>();
  /** The lists that events name, by their text in SQL: there are few different ones. */
  readonly #lists = new Map<string, readonly string[]>();
  /** Every lane counts on from here, see schema.ts. */
  readonly #positionsAfter: number;
  /** Up to this one events were accepted by a version for which an id was unique over all sources. */
  readonly uniqueIdsToSeq: number;
  #receiving: readonly Lane[] = [];

  constructor(database: DatabaseSync) {
    this.#statements = prepare(database);
    const journal = this.#statements.selectJournal.get();
    this.#positionsAfter = Number(journal?.positions_after);
    this.uniqueIdsToSeq = Number(journal?.unique_ids_to_seq);
    for (const row of this.#statements.select.all()) this.#add(fromRow(row));
    this.#changed();
  }

  /** Where new events go, in alphabetical order. */
  get receiving(): readonly Lane[] {
    return this.#receiving;
  }

  /** All of them in alphabetical order. */
  get all(): readonly Lane[] {
    return [...this.#byId.values()].sort(byId);
  }

  /** The positions of all lanes, added up: it rises with every record. */
  get recorded(): number {
    let sum = 0;
    for (const { position } of this.#byId.values()) sum += position;
    return sum;
  }

  /** Undefined when the journal does not know the adapter. */
  find(adapter: string): Lane | undefined {
    return this.#byId.get(adapter);
  }

  /** The lane of a row. */
  of(number: number): Lane {
    const lane = this.#byNumber.get(number);
    if (lane === undefined) throw new CorruptionError(`a row names the unknown adapter number ${number}`);
    return lane;
  }

  /** The adapter's lane, which it gets now when it is new. */
  open(adapter: string): Lane {
    const known = this.#byId.get(adapter);
    if (known !== undefined) return known;
    const lane = newLane(this.#byNumber.size + 1, adapter, this.#positionsAfter);
    this.#statements.insert.run(lane.number, adapter);
    this.#add(lane);
    return lane;
  }

  setReceivers(adapters: readonly string[]): void {
    const receivers = new Set(adapters.map((adapter) => this.open(adapter)));
    for (const lane of this.#byId.values()) {
      if (lane.receives === receivers.has(lane)) continue;
      lane.receives = !lane.receives;
      this.#statements.setReceives.run(Number(lane.receives), lane.number);
    }
    this.#changed();
  }

  setHolds(lane: Lane, holds: boolean): void {
    lane.holds = holds;
    this.#statements.setHolds.run(Number(holds), lane.number);
  }

  /** The newest record of a lane is deleted: it counts on from it. */
  keepPosition(lane: Lane): void {
    this.#statements.setPrunedTo.run(lane.position, lane.number);
  }

  /** From "1,2,3" as group_concat makes it (null: none) to ids in alphabetical order. */
  list(numbers: string | null): readonly string[] {
    if (numbers === null) return [];
    const known = this.#lists.get(numbers);
    if (known !== undefined) return known;
    const ids = numbers
      .split(',')
      .map((number) => this.of(Number(number)).id)
      .sort();
    this.#lists.set(numbers, ids);
    return ids;
  }

  /** What it holds now, to be put back by the returned function when the transaction is rolled back. */
  mark(): () => void {
    const marked = Array.from(this.#byId.values(), (lane) => ({ ...lane }));
    return () => {
      this.#byId.clear();
      this.#byNumber.clear();
      this.#lists.clear();
      for (const lane of marked) this.#add({ ...lane, heads: new Map() });
      this.#changed();
    };
  }

  #add(lane: Lane): void {
    this.#byId.set(lane.id, lane);
    this.#byNumber.set(lane.number, lane);
  }

  #changed(): void {
    this.#receiving = this.all.filter(({ receives }) => receives);
  }
}

function newLane(number: number, id: string, position: number): Lane {
  return {
    number,
    id,
    receives: false,
    holds: false,
    position,
    unsettled: 0,
    deadLetters: 0,
    isWatching: false,
    heads: new Map(),
    epoch: 0,
    longestWaitMs: Number.POSITIVE_INFINITY,
    lastDueAtMs: Number.NEGATIVE_INFINITY,
    lastSeq: 0,
    recoveredDueAtMs: Number.NEGATIVE_INFINITY,
    recoveredSeq: 0,
  };
}

function fromRow(row: Record<string, unknown>): Lane {
  return {
    ...newLane(Number(row.number), String(row.id), Number(row.position)),
    receives: row.receives === 1,
    holds: row.holds === 1,
    unsettled: Number(row.unsettled),
    deadLetters: Number(row.dead_letters),
    isWatching: row.is_watching === 1,
  };
}

function byId(left: Lane, right: Lane): number {
  return left.id < right.id ? -1 : 1;
}

function prepare(database: DatabaseSync) {
  return {
    insert: database.prepare('INSERT INTO adapter (number, id) VALUES (?, ?)'),
    setReceives: database.prepare('UPDATE adapter SET receives = ? WHERE number = ?'),
    setPrunedTo: database.prepare('UPDATE adapter SET pruned_to = ? WHERE number = ?'),
    setHolds: database.prepare('UPDATE adapter SET holds = ? WHERE number = ?'),
    select: database.prepare(`
      SELECT number, adapter.id, receives, holds,
        max(positions_after, pruned_to, coalesce((SELECT max(position) FROM record WHERE record.adapter = number), 0)) AS position,
        (SELECT count(*) FROM delivery INDEXED BY delivery_open
          WHERE delivery.adapter = number AND state < 2) AS unsettled,
        (SELECT count(*) FROM delivery INDEXED BY delivery_dead
          WHERE delivery.adapter = number AND state = 4) AS dead_letters,
        EXISTS (SELECT 1 FROM watched_key WHERE watched_key.adapter = number) AS is_watching
      FROM adapter CROSS JOIN journal`),
    selectJournal: database.prepare('SELECT positions_after, unique_ids_to_seq FROM journal'),
  };
}
