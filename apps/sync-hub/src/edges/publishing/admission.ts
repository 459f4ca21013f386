import { RequestError } from '../request-error.ts';

export interface AdmissionOptions {
  /** A monotonic clock, in milliseconds. */
  readonly nowMs: () => number;
  /** From 0 to 1, without 1. */
  readonly random: () => number;
}

/** A publish that waits for its commit. */
interface Waiting {
  readonly sinceMs: number;
  readonly sizeBytes: number;
}

/**
 * The journal is stuck when the oldest publish has waited this long: a commit takes milliseconds, one beside a slow fsync
 * or on a machine with too much to do some hundred. A caller with the usual deadline of 5 s still gets its answer.
 */
const OLDEST_WAIT_MAX_MS = 3_000;
/**
 * The journal is too slow when even the quickest publish of an interval waited this long: then there is a queue that does
 * not go away. One burst does not do that; its first events are answered at once.
 */
const QUICKEST_WAIT_MAX_MS = 1_000;
const INTERVAL_MS = 2_000;
/** Of payload, in all publishes that wait: what the disk takes in about a second. Streams each stay far below it. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;
/** To come back sooner would find the same queue; the disk may need longer, but is then asked seldom enough. */
const RETRY_AFTER_MS = { least: 500, most: 15_000 };

/**
 * The door before the journal. Closes when the journal cannot keep up with what is published, and opens again once all
 * that waits has its answer, so that it does not swing. What it let in is answered, however long that takes; what it
 * refuses has not been written. Deliveries that wait behind a breaker are not a reason to close: they wait on the disk.
 */
export class Admission {
  readonly #options: AdmissionOptions;
  /** In the order of their coming, in which the journal answers. */
  readonly #waiting = new Set<Waiting>();
  #waitingBytes = 0;
  #closedBecause = '';
  #interval = { endsAtMs: Number.NEGATIVE_INFINITY, quickestMs: Number.POSITIVE_INFINITY };

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /** Of payload, in all publishes that wait. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Why nothing is let in; empty when something is. */
  get closedBecause(): string {
    if (this.#waiting.size === 0) this.#closedBecause = '';
    else if (this.#closedBecause === '') this.#closedBecause = this.#trouble();
    return this.#closedBecause;
  }

  /**
   * Lets in a publish with so much payload. Call the returned function when the journal has answered, well or
   * not.
   *
   * @throws {RequestError} HUB_OVERLOADED
   */
  enter(sizeBytes: number): () => void {
    const reason = this.closedBecause;
    if (reason !== '') {
      throw new RequestError(
        'HUB_OVERLOADED',
        `${reason}; publish again with the same id, after the delay that the error names`,
        {
          retryAfterMs: this.#retryAfterMs(),
        },
      );
    }
    const waiting: Waiting = { sinceMs: this.#options.nowMs(), sizeBytes };
    this.#waiting.add(waiting);
    this.#waitingBytes += sizeBytes;
    return () => this.#leave(waiting);
  }

  #leave(waiting: Waiting): void {
    this.#waiting.delete(waiting);
    this.#waitingBytes -= waiting.sizeBytes;
    const nowMs = this.#options.nowMs();
    const waitedMs = nowMs - waiting.sinceMs;
    if (nowMs < this.#interval.endsAtMs) {
      this.#interval.quickestMs = Math.min(this.#interval.quickestMs, waitedMs);
      return;
    }
    const { endsAtMs, quickestMs } = this.#interval;
    // An interval of long ago says nothing about now.
    const stands = nowMs - endsAtMs < INTERVAL_MS && quickestMs > QUICKEST_WAIT_MAX_MS;
    if (stands) this.#closedBecause ||= `the journal is slow: no publish took less than ${seconds(quickestMs)}`;
    this.#interval = { endsAtMs: nowMs + INTERVAL_MS, quickestMs: waitedMs };
  }

  #trouble(): string {
    const oldestMs = this.#oldestMs();
    if (oldestMs > OLDEST_WAIT_MAX_MS) return `the journal is stuck: a publish has waited for ${seconds(oldestMs)}`;
    if (this.#waitingBytes > WAITING_BYTES_MAX) return 'the journal does not keep up: too many bytes wait for it';
    return '';
  }

  #oldestMs(): number {
    const oldest = this.#waiting.values().next().value;
    return oldest === undefined ? 0 : this.#options.nowMs() - oldest.sinceMs;
  }

  /** As long again as the oldest has waited, up to twice that: those who were refused do not come back together. */
  #retryAfterMs(): number {
    const leastMs = Math.min(Math.max(this.#oldestMs(), RETRY_AFTER_MS.least), RETRY_AFTER_MS.most);
    return Math.round(leastMs * (1 + this.#options.random()));
  }
}

function seconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
