import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { LaneStatistics } from '../journal.ts';
import type { Lane, LaneTable } from './lane-table.ts';

/** How many of the last commits are looked at: some seconds' worth under load. */
const LATENCY_SAMPLES = 128;

/** Dead letters and what is behind them may be many: to count them takes at most this much of the journal's time. */
const SHARE_OF_TIME = 0.02;

/** What the health RPC asks for: how long commits take, what waits in each lane, and how much of it for an operator. */
export class Statistics {
  readonly #lanes: LaneTable;
  readonly #selectOldest: StatementSync;
  readonly #countBehind: StatementSync;
  readonly #latenciesMs = new Float64Array(LATENCY_SAMPLES);
  #commits = 0;
  #behind: ReadonlyMap<Lane, number> = new Map();
  #countAgainAtMs = Number.NEGATIVE_INFINITY;

  constructor(database: DatabaseSync, lanes: LaneTable) {
    this.#lanes = lanes;
    this.#selectOldest = database.prepare(`
      SELECT accepted_at_ms FROM event WHERE seq =
        (SELECT min(seq) FROM delivery INDEXED BY delivery_open WHERE adapter = ? AND state < 2)`);
    this.#countBehind = database.prepare(`
      SELECT count(*) AS count FROM (
        SELECT key, min(seq) AS seq FROM delivery INDEXED BY delivery_dead
        WHERE adapter = ?1 AND state = 4 AND key <> '' GROUP BY key
      ) AS dead
      CROSS JOIN delivery AS open INDEXED BY delivery_open_of_key
        ON open.key = dead.key AND open.key <> '' AND open.adapter = ?1 AND open.state < 2 AND open.seq > dead.seq`);
  }

  committed(latencyMs: number): void {
    this.#latenciesMs[this.#commits % LATENCY_SAMPLES] = latencyMs;
    this.#commits++;
  }

  /** The median; undefined before the first commit. */
  get commitLatencyMs(): number | undefined {
    const sorted = this.#latenciesMs.slice(0, Math.min(this.#commits, LATENCY_SAMPLES)).sort();
    return sorted[Math.floor(sorted.length / 2)];
  }

  lanes(): readonly LaneStatistics[] {
    this.#countDead();
    return this.#lanes.all.map((lane) => ({
      adapter: lane.id,
      unsettled: lane.unsettled,
      deadLetters: lane.deadLetters,
      oldestAcceptedAtMs:
        lane.unsettled === 0 ? undefined : Number(this.#selectOldest.get(lane.number)?.accepted_at_ms),
      behindDeadLetters: this.#behind.get(lane) ?? 0,
    }));
  }

  #countDead(): void {
    const startedMs = performance.now();
    if (startedMs < this.#countAgainAtMs) return;
    const holding = this.#lanes.all.filter(({ unsettled, deadLetters }) => unsettled > 0 && deadLetters > 0);
    this.#behind = new Map(holding.map((lane) => [lane, Number(this.#countBehind.get(lane.number)?.count)]));
    const endedMs = performance.now();
    this.#countAgainAtMs = endedMs + (endedMs - startedMs) / SHARE_OF_TIME;
  }
}
