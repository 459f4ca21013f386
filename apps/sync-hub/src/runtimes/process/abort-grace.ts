/**
 * Three times what an attempt gets by default: a client that cannot be aborted but has a time limit of its own, as most
 * have, ends by then.
 */
export const ABORT_GRACE_MS = 30_000;

export interface AbortGraceOptions {
  readonly graceMs: number;
  /** An attempt was asked to stop and has not for that long. Called once. */
  readonly onExpired: () => void;
}

/** Watches the attempts that were asked to stop. */
export class AbortGrace {
  readonly #options: AbortGraceOptions;
  /** In the order of their ends, which is the order in which they came: all have the same grace. */
  readonly #endsAtMs = new Map<bigint, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: AbortGraceOptions) {
    this.#options = options;
  }

  /** An attempt was asked to stop. */
  begin(ref: bigint): void {
    this.#endsAtMs.set(ref, performance.now() + this.#options.graceMs);
    this.#wait();
  }

  /** An attempt has ended. */
  end(ref: bigint): void {
    this.#endsAtMs.delete(ref);
  }

  stop(): void {
    this.#endsAtMs.clear();
    clearTimeout(this.#timer);
  }

  /** One timer for all: it goes off for the first and continues with the next. */
  #wait(): void {
    if (this.#timer !== undefined) return;
    const [firstAtMs] = this.#endsAtMs.values();
    if (firstAtMs === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timer = undefined;
        const [nowFirstAtMs] = this.#endsAtMs.values();
        // A timer may go off a millisecond early.
        if (nowFirstAtMs !== undefined && nowFirstAtMs - performance.now() < 1) this.#options.onExpired();
        else this.#wait();
      },
      Math.max(firstAtMs - performance.now(), 1),
    );
  }
}
