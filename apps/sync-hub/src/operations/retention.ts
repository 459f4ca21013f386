import type { Journal } from '../journal/journal.ts';
import { JournalError } from '../journal/journal-error.ts';
import type { Clock } from '../lanes/clock.ts';

export interface RetentionOptions {
  readonly journal: Pick<Journal, 'prune'>;
  readonly clock: Clock;
  /** How long an event is kept after its last delivery was settled. */
  readonly settledMs: number;
  /** Called with each round that deleted something, for the log. */
  readonly onRound?: (deleted: { readonly events: number; readonly records: number }) => void;
}

/** Events are kept for days: it does not matter to whom they are kept an hour longer. */
const ROUND_EVERY_MS = 3_600_000;
/** After the start there is more to do than this. */
const FIRST_ROUND_MS = 60_000;
/** About 10 ms of the journal's time, either of them. */
const STEP_EVENTS = 256;
const STEP_RECORDS = 2_048;
/** The journal gives a round at most a fifth of its time: five thousand events a second, twice what a hub is made for. */
const REST_PER_STEP = 4;
const REST_MAX_MS = 1_000;

/** Deletes settled events that have had their time, in small steps with the journal left to others in between. */
export class Retention {
  readonly #options: RetentionOptions;
  readonly #started: { readonly wallMs: number; readonly monotonicMs: number };
  #cancel: () => void = () => undefined;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();

  constructor(options: RetentionOptions) {
    this.#options = options;
    const { clock } = options;
    this.#started = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs() };
  }

  start(): void {
    this.#plan(FIRST_ROUND_MS, () => this.#begin());
  }

  /** Resolves once no step runs. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel();
    await this.#round;
  }

  #begin(): void {
    this.#step({ settledBeforeMs: this.#nowMs() - this.#options.settledMs, events: 0, records: 0 });
  }

  #step(round: Round): void {
    this.#round = this.#prune(round).catch((error: unknown) => {
      // A journal that failed or was closed has reported that to the hub.
      if (!(error instanceof JournalError)) throw error;
    });
  }

  async #prune({ settledBeforeMs, afterSeq, ...sums }: Round): Promise<void> {
    const { journal, clock, onRound } = this.#options;
    const startedMs = clock.monotonicMs();
    const from = afterSeq === undefined ? {} : { afterSeq };
    const bounds = { maxEvents: STEP_EVENTS, maxRecords: STEP_RECORDS };
    const { next, ...deleted } = await journal.prune({ settledBeforeMs, ...bounds, ...from });
    const events = sums.events + deleted.events;
    const records = sums.records + deleted.records;
    if (next === undefined) {
      if (events > 0) onRound?.({ events, records });
      this.#plan(ROUND_EVERY_MS, () => this.#begin());
    } else {
      const restMs = Math.min(REST_MAX_MS, REST_PER_STEP * (clock.monotonicMs() - startedMs));
      this.#plan(restMs, () => this.#step({ settledBeforeMs, afterSeq: next, events, records }));
    }
  }

  #plan(delayMs: number, run: () => void): void {
    if (!this.#stopped) this.#cancel = this.#options.clock.startTimer(delayMs, run);
  }

  /** Never later than the hub has lived to see: a clock that jumps ahead would delete what has time left. */
  #nowMs(): number {
    const { clock } = this.#options;
    const livedMs = clock.monotonicMs() - this.#started.monotonicMs;
    return Math.min(clock.wallMs(), this.#started.wallMs + livedMs);
  }
}

interface Round {
  readonly settledBeforeMs: number;
  /** Absent: it begins. */
  readonly afterSeq?: number;
  readonly events: number;
  readonly records: number;
}
