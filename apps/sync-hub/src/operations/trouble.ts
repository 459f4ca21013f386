import type { Clock } from '../lanes/clock.ts';

export interface TroubleOptions<Facts> {
  readonly clock: Pick<Clock, 'monotonicMs' | 'startTimer'>;
  /** It is over when something succeeded and nothing failed for this long. */
  readonly calmMs: number;
  readonly onBegin: (facts: Facts) => void;
  readonly onEnd: (trouble: TroubleSum) => void;
}

/** How a trouble went. */
export interface TroubleSum {
  readonly failures: number;
  /** From the first failure to the first success after the last. */
  readonly lastedMs: number;
}

/** What begins and ends all the time is reported at most this often. */
const BEGINS_EVERY_MS = 60_000;

/** Finds where a trouble begins and where it ends among single failures and successes: two reports, however many those are. */
export class Trouble<Facts> {
  readonly #options: TroubleOptions<Facts>;
  #failures = 0;
  #beganAtMs = 0;
  #lastFailureAtMs = 0;
  /** When something first succeeded after the last failure; undefined: nothing has. */
  #recoveredAtMs: number | undefined;
  /** Whether this trouble was reported, and when one was last. */
  #isReported = false;
  #reportedAtMs = Number.NEGATIVE_INFINITY;
  #cancelTimer: (() => void) | undefined;

  constructor(options: TroubleOptions<Facts>) {
    this.#options = options;
  }

  failed(facts: Facts): void {
    const nowMs = this.#options.clock.monotonicMs();
    if (this.#failures === 0) this.#beganAtMs = nowMs;
    this.#failures += 1;
    this.#lastFailureAtMs = nowMs;
    this.#recoveredAtMs = undefined;
    if (this.#isReported || nowMs - this.#reportedAtMs < BEGINS_EVERY_MS) return;
    this.#isReported = true;
    this.#reportedAtMs = nowMs;
    this.#options.onBegin(facts);
  }

  succeeded(): void {
    if (this.#failures === 0) return;
    this.#recoveredAtMs ??= this.#options.clock.monotonicMs();
    if (this.#cancelTimer === undefined) this.#lookIn(this.#options.calmMs);
  }

  stop(): void {
    this.#cancelTimer?.();
  }

  #lookIn(delayMs: number): void {
    this.#cancelTimer = this.#options.clock.startTimer(delayMs, () => this.#look());
  }

  #look(): void {
    this.#cancelTimer = undefined;
    // The next success looks again.
    const recoveredAtMs = this.#recoveredAtMs;
    if (recoveredAtMs === undefined) return;
    const calmInMs = this.#lastFailureAtMs + this.#options.calmMs - this.#options.clock.monotonicMs();
    if (calmInMs > 0) this.#lookIn(calmInMs);
    else this.#end(recoveredAtMs);
  }

  #end(recoveredAtMs: number): void {
    const sum = { failures: this.#failures, lastedMs: Math.round(recoveredAtMs - this.#beganAtMs) };
    const wasReported = this.#isReported;
    this.#failures = 0;
    this.#isReported = false;
    if (wasReported) this.#options.onEnd(sum);
  }
}
