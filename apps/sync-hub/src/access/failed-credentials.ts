/** Wrong credentials of one address in a minute: more are no slip. */
const PER_MINUTE = 20;
const MINUTE_MS = 60_000;
/** Addresses that are counted; with more, counting starts again. */
const ADDRESSES_MAX = 10_000;

/** Counts wrong credentials by address, in minutes. */
export class FailedCredentials {
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, number>();
  #minute = 0;

  /** @param nowMs a monotonic clock */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** One more. Returns for how long the address is throttled, in milliseconds; 0: it is not, and gets the real error. */
  note(address: string): number {
    const now = this.#nowMs();
    const minute = Math.floor(now / MINUTE_MS);
    if (minute !== this.#minute || this.#counts.size >= ADDRESSES_MAX) this.#counts.clear();
    this.#minute = minute;
    const count = (this.#counts.get(address) ?? 0) + 1;
    this.#counts.set(address, count);
    return count > PER_MINUTE ? (minute + 1) * MINUTE_MS - now : 0;
  }
}
