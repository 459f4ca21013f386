import type { AttemptEnd, Failure, Outcome } from '../core/outcome.ts';
import type { Clock } from './clock.ts';

/** What an adapter's attempts came to in the last minute. */
export interface RecentAttemptsReport {
  readonly attempts: number;
  /** Those of them that were not delivered; being asked for less is not a failure. */
  readonly failures: number;
  /** The last of the failures, by the hub's clock; undefined when there is none. */
  readonly lastFailure: (Failure & { readonly kind: Outcome['kind']; readonly atMs: number }) | undefined;
}

interface Bucket {
  readonly beganAtMs: number;
  attempts: number;
  failures: number;
}

const WINDOW_MS = 60_000;
const BUCKET_MS = 5_000;

/** Counts attempts by twelve buckets of 5 s, whatever the breaker does meanwhile. */
export class RecentAttempts {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'wallMs'>;
  /** The oldest first. */
  #buckets: Bucket[] = [];
  #lastFailure: { readonly report: RecentAttemptsReport['lastFailure']; readonly endedAtMs: number } | undefined;

  constructor(clock: Pick<Clock, 'monotonicMs' | 'wallMs'>) {
    this.#clock = clock;
  }

  /** An attempt ended. */
  ended(outcome: AttemptEnd): void {
    if (outcome.kind === 'not_run') return;
    const nowMs = this.#clock.monotonicMs();
    const bucket = this.#bucketAt(nowMs);
    bucket.attempts += 1;
    if (outcome.kind === 'delivered' || outcome.kind === 'throttled') return;
    bucket.failures += 1;
    const report = { kind: outcome.kind, ...outcome.failure, atMs: this.#clock.wallMs() };
    this.#lastFailure = { report, endedAtMs: nowMs };
  }

  get report(): RecentAttemptsReport {
    const sinceMs = this.#clock.monotonicMs() - WINDOW_MS;
    this.#forgetUntil(sinceMs);
    const sum = (field: 'attempts' | 'failures') => this.#buckets.reduce((total, bucket) => total + bucket[field], 0);
    const last = this.#lastFailure;
    return {
      attempts: sum('attempts'),
      failures: sum('failures'),
      lastFailure: last !== undefined && last.endedAtMs > sinceMs ? last.report : undefined,
    };
  }

  #bucketAt(nowMs: number): Bucket {
    const newest = this.#buckets.at(-1);
    if (newest !== undefined && nowMs - newest.beganAtMs < BUCKET_MS) return newest;
    this.#forgetUntil(nowMs - WINDOW_MS);
    const bucket = { beganAtMs: nowMs, attempts: 0, failures: 0 };
    this.#buckets.push(bucket);
    return bucket;
  }

  #forgetUntil(sinceMs: number): void {
    this.#buckets = this.#buckets.filter(({ beganAtMs }) => beganAtMs > sinceMs);
  }
}
