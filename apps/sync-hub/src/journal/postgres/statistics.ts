import type { FullDisk, JournalStatistics } from '../journal.ts';
import type { Rows } from './rows.ts';

/** How many of the last commits are looked at: some seconds' worth under load. */
const LATENCY_SAMPLES = 128;

/** To count what waits takes at most this much of the time. */
const SHARE_OF_TIME = 0.02;

/** What takes no longer than this is counted each time that it is asked for. */
const CHEAP_MS = 200;

/** How long a size is believed. */
const SIZE_MS = 1_000;

type LaneRow = readonly [
  ...[adapter: string, unsettled: number, deadLetters: number, oldestAcceptedAtMs: number | null, behind: number],
];

/** What the health RPC asks for, counted again whenever that is cheap: no counter is kept in a row. */
export class Statistics {
  readonly #store: Rows;
  readonly #bytesMax: number;
  readonly #latenciesMs = new Float64Array(LATENCY_SAMPLES);
  #commits = 0;
  #lanes: JournalStatistics['lanes'] = [];
  #countAgainAtMs = Number.NEGATIVE_INFINITY;
  #size = { bytes: 0, untilMs: Number.NEGATIVE_INFINITY };

  constructor(store: Rows, bytesMax: number) {
    this.#store = store;
    this.#bytesMax = bytesMax;
  }

  committed(latencyMs: number): void {
    this.#latenciesMs[this.#commits % LATENCY_SAMPLES] = latencyMs;
    this.#commits++;
  }

  /** The journal has reached the size that it may have; undefined: it has not. */
  async shortage(): Promise<FullDisk | undefined> {
    if (this.#bytesMax === Number.POSITIVE_INFINITY) return undefined;
    const bytes = await this.#sizeBytes();
    return bytes < this.#bytesMax ? undefined : { kind: 'full', freeBytes: 0, reserveBytes: 0 };
  }

  async read(): Promise<JournalStatistics> {
    const sizeBytes = await this.#sizeBytes();
    await this.#count();
    const sorted = this.#latenciesMs.slice(0, Math.min(this.#commits, LATENCY_SAMPLES)).sort();
    return { sizeBytes, commitLatencyMs: sorted[Math.floor(sorted.length / 2)], lanes: this.#lanes };
  }

  async #sizeBytes(): Promise<number> {
    if (performance.now() >= this.#size.untilMs) {
      const [[bytes] = [0]] = await this.#store.rows<[number]>(
        'size',
        `SELECT sum(pg_total_relation_size(c.oid))::float8 FROM pg_class c
          WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'`,
        [],
      );
      this.#size = { bytes, untilMs: performance.now() + SIZE_MS };
    }
    return this.#size.bytes;
  }

  async #count(): Promise<void> {
    const startedMs = performance.now();
    if (startedMs < this.#countAgainAtMs) return;
    const rows = await this.#store.rows<LaneRow>(
      'statistics',
      `SELECT adapter,
        (SELECT count(*) FROM delivery d WHERE d.adapter = number AND d.state < 2),
        (SELECT count(*) FROM delivery d WHERE d.adapter = number AND d.state = 4),
        (SELECT accepted_at_ms FROM event WHERE seq =
          (SELECT seq FROM delivery d WHERE d.adapter = number AND d.state < 2 ORDER BY seq LIMIT 1)),
        (SELECT count(*) FROM (
            SELECT key, min(seq) AS seq FROM delivery d WHERE d.adapter = number AND state = 4 AND key <> '' GROUP BY key
          ) AS dead JOIN delivery o ON o.key = dead.key AND o.key <> '' AND o.adapter = number AND o.state < 2
            AND o.seq > dead.seq)
      FROM lane ORDER BY adapter COLLATE "C"`,
      [],
    );
    this.#lanes = rows.map(([adapter, unsettled, deadLetters, oldestAcceptedAtMs, behindDeadLetters]) => ({
      adapter,
      unsettled,
      deadLetters,
      oldestAcceptedAtMs: oldestAcceptedAtMs ?? undefined,
      behindDeadLetters,
    }));
    const endedMs = performance.now();
    // What is counted in a moment is counted each time.
    const tookMs = endedMs - startedMs;
    this.#countAgainAtMs = tookMs < CHEAP_MS ? Number.NEGATIVE_INFINITY : endedMs + tookMs / SHARE_OF_TIME;
  }
}
