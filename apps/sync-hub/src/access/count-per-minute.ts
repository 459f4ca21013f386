const MINUTE_MS = 60_000;
/** Names that are counted; with more, counting starts again. */
const NAMES_MAX = 10_000;

/** Counts what should be rare, in minutes and by who does it: an address, or a caller. */
export class CountPerMinute {
  readonly #most: number;
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, number>();
  #minute = 0;

  /**
   * @param most in a minute for each name
   * @param nowMs a monotonic clock
   */
  constructor(most: number, nowMs: () => number) {
    this.#most = most;
    this.#nowMs = nowMs;
  }

  /** One more. Returns 0, or past the most in this minute how long the minute lasts, in milliseconds. */
  note(name: string): number {
    const now = this.#nowMs();
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute || this.#counts.size >= NAMES_MAX) this.#counts.clear();
    this.#minute = minute;
    const count = (this.#counts.get(name) ?? 0) + 1;
    this.#counts.set(name, count);
    return count > this.#most ? (minute + 1) * MINUTE_MS - now : 0;
  }
}
