/** How soon after a delivery was delivered another one is tried "right after" it. */
const RIGHT_AFTER_MS = 1_000;

interface Uncounted {
  /** When the last of them ended. */
  readonly failedAtMs: number;
  readonly failures: number;
}

/**
 * When a failed attempt counts, and which one is the last. From inside the hub an event that its external system will
 * never accept looks like one that fails because the system is down. What tells them apart is what becomes of the
 * others, and that decides:
 *
 * - A failed attempt counts once another delivery, whose attempt began after it failed, was delivered. Until then it is
 *   kept here. When the breaker opens first, or the hub restarts, it does not count. Nor does a probe.
 * - After `maxAttempts` counted failures a delivery is tried one last time: right after another one was delivered, so
 *   that the system is known to work. When that fails as well, and no other was heard to fail meanwhile, it becomes a
 *   dead letter. With `maxAttempts: 1` the first failure is the last.
 * - Where nothing else is delivered nothing counts, and a delivery is a dead letter when it fails at the maximum age (last-attempt.ts).
 *
 * So a total outage makes no dead letter, however long it is and whatever came before: in it nothing is delivered, so
 * nothing counts and no attempt is the last one. What failed in it is tried again on the system that works.
 */
export class Evidence {
  readonly #uncounted = new Map<number, Uncounted>();
  #deliveredAtMs = Number.NEGATIVE_INFINITY;
  #isWell = false;

  /** True when what was heard last of the external system is that it took a delivery. */
  get isWell(): boolean {
    return this.#isWell;
  }

  /** True when what was heard last of the external system is that it took a delivery, a moment ago. */
  isFresh(nowMs: number): boolean {
    return this.#isWell && nowMs - this.#deliveredAtMs <= RIGHT_AFTER_MS;
  }

  /**
   * An attempt failed.
   *
   * @param mayCount not a probe, and the breaker is closed
   * @param isUsedUp its delivery has failed as often as may be: that it fails again says nothing of the system
   */
  failed(seq: number, { nowMs, mayCount, isUsedUp }: { nowMs: number; mayCount: boolean; isUsedUp: boolean }): void {
    if (!isUsedUp) this.#isWell = false;
    if (!mayCount) return;
    const failures = (this.#uncounted.get(seq)?.failures ?? 0) + 1;
    this.#uncounted.set(seq, { failedAtMs: nowMs, failures });
  }

  /** A delivery was delivered. Returns what counts now, by seq. */
  delivered(seq: number, { startedAtMs, nowMs }: { startedAtMs: number; nowMs: number }): [number, Uncounted][] {
    this.#isWell = true;
    this.#deliveredAtMs = nowMs;
    this.forget(seq);
    const counted = [...this.#uncounted].filter(([, { failedAtMs }]) => failedAtMs <= startedAtMs);
    for (const [other] of counted) this.forget(other);
    return counted;
  }

  /** A delivery is settled. */
  forget(seq: number): void {
    this.#uncounted.delete(seq);
  }

  /** The breaker opened. */
  forgetAll(): void {
    this.#isWell = false;
    this.#uncounted.clear();
  }
}
