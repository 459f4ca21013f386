/** The attempts whose deadline has not passed, by the time that they were given: of one time, the first to start is the first due. */
export class RunningAttempts<Attempt> {
  /** By how long they may take; each with its deadline, in the order in which they began. */
  readonly #byTimeout = new Map<number, Map<Attempt, number>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** When the first deadline passes; Infinity when nothing runs. */
  get earliestDeadlineMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const started of this.#byTimeout.values()) {
      const [deadlineAtMs = Number.POSITIVE_INFINITY] = started.values();
      earliestMs = Math.min(earliestMs, deadlineAtMs);
    }
    return earliestMs;
  }

  /** Any of them; undefined when nothing runs. */
  get first(): Attempt | undefined {
    for (const started of this.#byTimeout.values()) for (const attempt of started.keys()) return attempt;
    return undefined;
  }

  add(
    attempt: Attempt,
    { timeoutMs, deadlineAtMs }: { readonly timeoutMs: number; readonly deadlineAtMs: number },
  ): void {
    const started = this.#byTimeout.get(timeoutMs);
    if (started === undefined) this.#byTimeout.set(timeoutMs, new Map([[attempt, deadlineAtMs]]));
    else started.set(attempt, deadlineAtMs);
    this.#size += 1;
  }

  delete(attempt: Attempt, timeoutMs: number): void {
    const started = this.#byTimeout.get(timeoutMs);
    if (!started?.delete(attempt)) return;
    this.#size -= 1;
    // Kept for the next attempt, except for times that an adapter no longer asks for.
    if (started.size === 0 && this.#byTimeout.size > 1) this.#byTimeout.delete(timeoutMs);
  }

  /** An attempt whose deadline has passed; undefined when there is none. */
  firstExpired(nowMs: number): Attempt | undefined {
    for (const started of this.#byTimeout.values()) {
      const [first] = started;
      if (first !== undefined && first[1] <= nowMs) return first[0];
    }
    return undefined;
  }
}
