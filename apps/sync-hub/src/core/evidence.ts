/** How soon after a delivery was delivered another one is tried "right after" it. */
const RIGHT_AFTER_MS = 1_000;

/** Deliveries that are remembered at the most, a few megabytes; of more the failures count when they fail again. */
const REMEMBERED_MAX = 16_384;

interface Uncounted {
  /** When the last of them ended. */
  readonly failedAtMs: number;
  /** When the last attempt of the delivery ended, be it one that does not count. */
  readonly endedAtMs: number;
  readonly failures: number;
  /** What counted of the delivery before them. */
  readonly spent: number;
}

export interface Failed {
  readonly nowMs: number;
  /** It was not a probe, and the breaker is closed. */
  readonly mayCount: boolean;
  /** Its delivery has failed as often as may be: that it fails again says nothing of the system. */
  readonly isUsedUp: boolean;
  /** What counts of its delivery. */
  readonly spent: number;
}

/**
 * When a failed attempt counts, and which one is the last. From inside the hub an event that its external system will
 * never accept looks like one that fails because the system is down. What distinguishes them is what happens to the
 * others, and that decides:
 *
 * - A failed attempt counts once another delivery, whose attempt began after it failed, was delivered. Until then it is
 *   kept here. When the breaker opens first, or the hub restarts, it does not count. Nor does a probe.
 * - After `maxAttempts` counted failures a delivery is tried one last time: right after another one was delivered, so
 *   that the system is known to work. When that fails as well, and no other failed meanwhile, it becomes a dead letter.
 *   With `maxAttempts: 1` the first failure is the last.
 * - Where nothing else is delivered nothing counts, and a delivery is a dead letter when it fails at the maximum age
 *   (conclude.ts).
 *
 * So an outage makes no dead letter while the breaker is open, however long that is: nothing is delivered, so nothing
 * counts and no attempt is the last one. What failed in it is tried again on the system that works. Where so few
 * deliveries wait that the breaker never opens (see FailureStreak), they are dead letters at the maximum age.
 */
export class Evidence {
  readonly #uncounted = new Map<number, Uncounted>();
  /** What counts and is not on record yet: it is recorded with the next attempt. */
  readonly #counted = new Map<number, number>();
  #deliveredAtMs = Number.NEGATIVE_INFINITY;
  #isWell = false;

  /** True when the last that is known of the external system is that it accepted a delivery. */
  get isWell(): boolean {
    return this.#isWell;
  }

  /** True when the last that is known of the external system is that it accepted a delivery, a moment ago. */
  isFresh(nowMs: number): boolean {
    return this.#isWell && nowMs - this.#deliveredAtMs <= RIGHT_AFTER_MS;
  }

  /** Failures of a delivery that count beside those on record. */
  countedOf(seq: number): number {
    return this.#counted.size === 0 ? 0 : (this.#counted.get(seq) ?? 0);
  }

  /** What counts of a delivery is on its way to the disk. */
  recorded(seq: number): void {
    if (this.#counted.size > 0) this.#counted.delete(seq);
  }

  /** An attempt failed. */
  failed(seq: number, { nowMs, mayCount, isUsedUp, spent }: Failed): void {
    if (!isUsedUp) this.#isWell = false;
    const known = this.#uncounted.get(seq);
    if (!mayCount) {
      if (known !== undefined) this.#uncounted.set(seq, { ...known, endedAtMs: nowMs });
    } else if (known !== undefined || this.#uncounted.size < REMEMBERED_MAX) {
      const failures = (known?.failures ?? 0) + 1;
      this.#uncounted.set(seq, { failedAtMs: nowMs, endedAtMs: nowMs, failures, spent });
    }
  }

  /** A delivery was delivered. Returns what counts now, by seq. */
  delivered(
    seq: number,
    { startedAtMs, nowMs }: { startedAtMs: number; nowMs: number },
  ): readonly [number, Uncounted][] {
    this.#isWell = true;
    this.#deliveredAtMs = nowMs;
    this.forget(seq);
    if (this.#uncounted.size === 0) return [];
    const counting = [...this.#uncounted].filter(([, { failedAtMs }]) => failedAtMs <= startedAtMs);
    for (const [other, { failures }] of counting) {
      this.#uncounted.delete(other);
      if (this.#counted.size < REMEMBERED_MAX) this.#counted.set(other, this.countedOf(other) + failures);
    }
    return counting;
  }

  /** A delivery is settled. */
  forget(seq: number): void {
    this.#uncounted.delete(seq);
    this.#counted.delete(seq);
  }

  /** The breaker opened. */
  forgetAll(): void {
    this.#isWell = false;
    this.#uncounted.clear();
  }
}
