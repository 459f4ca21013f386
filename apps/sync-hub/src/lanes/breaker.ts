import CircuitBreaker from 'opossum';
import type { BreakerCondition } from '../core/lane.ts';
import { countsAgainstBreaker, type Failure, type Outcome } from '../core/outcome.ts';
import type { Clock } from './clock.ts';

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** More failed attempts than this share of all within the window open it, in percent. */
  readonly errorThresholdPercentage: number;
  /** With fewer attempts than this in the window it does not open. */
  readonly volumeThreshold: number;
  readonly windowMs: number;
  /** How long it stays open before one delivery is let through. */
  readonly resetTimeoutMs: number;
}

/**
 * A window of a minute still sees five attempts when a quiet lane retries with backoff; after 15 s an outage is
 * noticed to be over soon, at the price of four calls a minute to a system that is down.
 */
export const DEFAULT_BREAKER: BreakerPolicy = {
  errorThresholdPercentage: 50,
  volumeThreshold: 5,
  windowMs: 60_000,
  resetTimeoutMs: 15_000,
};

/** Where a breaker stands and why. Times in milliseconds since 1970 by the hub's clock. */
export interface BreakerReport {
  readonly condition: BreakerCondition;
  readonly sinceMs: number;
  readonly cause: string;
  /** Attempts and failures within the window. */
  readonly calls: number;
  readonly failures: number;
  /** When open: when one delivery will be let through. */
  readonly nextProbeAtMs: number | undefined;
  /** The last failure since the hub started. */
  readonly lastFailure: (Failure & { readonly kind: Outcome['kind'] }) | undefined;
}

export interface BreakerOptions {
  readonly policy: BreakerPolicy;
  readonly clock: Clock;
  /** Called on every transition, synchronously. */
  readonly onChange: (condition: BreakerCondition) => void;
}

/** How an attempt that counts against the breaker goes through opossum, which knows failures as rejections only. */
class CountedFailure extends Error {
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/**
 * A lane's circuit breaker: opossum, and a record of its transitions that people can read.
 *
 * opossum decides when to open, when to try again and when to close. What it does not do here, because of how it
 * behaves (10.0.0): time attempts out (its timeout lets the action run on), bound concurrency (its rejections count
 * as failures), filter errors (a filtered error counts as success and its event cannot be told from one).
 */
export class Breaker {
  readonly #policy: BreakerPolicy;
  readonly #clock: Clock;
  readonly #onChange: BreakerOptions['onChange'];
  #opossum: CircuitBreaker<[() => Promise<Outcome>], Outcome>;
  #condition: BreakerCondition = 'closed';
  #sinceMs: number;
  #cause = 'the hub started';
  #lastFailure: BreakerReport['lastFailure'];

  constructor(options: BreakerOptions) {
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#onChange = options.onChange;
    this.#sinceMs = options.clock.wallMs();
    this.#opossum = this.#createOpossum();
  }

  get report(): BreakerReport {
    const isOpen = this.#condition === 'open';
    const { fires, failures } = this.#opossum.stats;
    return {
      condition: this.#condition,
      sinceMs: this.#sinceMs,
      cause: this.#cause,
      calls: fires,
      failures,
      nextProbeAtMs: isOpen ? this.#sinceMs + this.#policy.resetTimeoutMs : undefined,
      lastFailure: this.#lastFailure,
    };
  }

  /**
   * Runs one attempt and lets the breaker see its outcome. Any transition that follows from it is told before the
   * promise resolves. The lane asks first: running while open is a fault of the lane and throws.
   */
  async run(attempt: () => Promise<Outcome>): Promise<Outcome> {
    try {
      return await this.#opossum.fire(attempt);
    } catch (error) {
      if (error instanceof CountedFailure) return error.outcome;
      throw error;
    }
  }

  /** Opens it again after a restart, with its next probe a full reset time away. */
  reopen(cause: string): void {
    this.#cause = cause;
    this.#opossum.open();
  }

  close(): void {
    this.#opossum.shutdown();
  }

  #createOpossum(): CircuitBreaker<[() => Promise<Outcome>], Outcome> {
    const { errorThresholdPercentage, volumeThreshold, windowMs, resetTimeoutMs } = this.#policy;
    // A fresh object each time: opossum writes into the one it is given.
    const opossum = new CircuitBreaker(this.#judge, {
      timeout: false,
      errorThresholdPercentage,
      volumeThreshold,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: 12,
      resetTimeout: resetTimeoutMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
    });
    opossum.on('open', () => this.#changeTo('open', this.#whyOpen()));
    opossum.on('halfOpen', () => {
      this.#changeTo('half_open', `open for ${resetTimeoutMs / 1_000} s: one delivery is let through`);
    });
    opossum.on('close', () => {
      // Its window still holds the failures of the outage, and the next single failure would open it again.
      this.#opossum = this.#createOpossum();
      queueMicrotask(() => opossum.shutdown());
      this.#changeTo('closed', 'an attempt got an answer again');
    });
    return opossum;
  }

  readonly #judge = async (attempt: () => Promise<Outcome>): Promise<Outcome> => {
    const outcome = await attempt();
    if (outcome.kind !== 'delivered') this.#lastFailure = { kind: outcome.kind, ...outcome.failure };
    if (countsAgainstBreaker(outcome)) throw new CountedFailure(outcome);
    return outcome;
  };

  #whyOpen(): string {
    const { fires, failures } = this.#opossum.stats;
    if (this.#condition === 'half_open') return `tried again, it failed still: ${this.#lastFailure?.code}`;
    if (failures === 0) return this.#cause;
    return `${failures} of ${fires} attempts failed within ${this.#policy.windowMs / 1_000} s; the last: ${this.#lastFailure?.code}`;
  }

  #changeTo(condition: BreakerCondition, cause: string): void {
    this.#condition = condition;
    this.#sinceMs = this.#clock.wallMs();
    this.#cause = cause;
    this.#onChange(condition);
  }
}
