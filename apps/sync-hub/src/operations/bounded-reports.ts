import type { Clock } from '../lanes/clock.ts';

export interface BoundedReportsOptions {
  readonly clock: Pick<Clock, 'startTimer'>;
  /** At most this many within each interval, which begins with the first. */
  readonly most: number;
  readonly intervalMs: number;
  /** Called at the end of an interval in which some were left out. */
  readonly onLeftOut: (count: number) => void;
}

/** Lets reports through up to a bound, and counts the others. */
export class BoundedReports {
  readonly #options: BoundedReportsOptions;
  #let = 0;
  #leftOut = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: BoundedReportsOptions) {
    this.#options = options;
  }

  report(write: () => void): void {
    const { clock, most, intervalMs } = this.#options;
    this.#cancelTimer ??= clock.startTimer(intervalMs, () => this.#endInterval());
    if (this.#let >= most) {
      this.#leftOut += 1;
      return;
    }
    this.#let += 1;
    write();
  }

  /** Says at once how many were left out: nothing more comes. */
  stop(): void {
    this.#cancelTimer?.();
    this.#endInterval();
  }

  #endInterval(): void {
    const leftOut = this.#leftOut;
    this.#cancelTimer = undefined;
    this.#let = 0;
    this.#leftOut = 0;
    if (leftOut > 0) this.#options.onLeftOut(leftOut);
  }
}
