import type { EventEmitter } from 'node:events';
import CircuitBreaker from 'opossum';
import type { BreakerPolicy } from '../core/breaker-policy.ts';
import { FailureStreak } from '../core/breaker-policy.ts';
import type { BreakerCondition } from '../core/lane-messages.ts';
import { type AttemptEnd, countsAgainstBreaker, type Failure, type Outcome } from '../core/outcome.ts';
import type { Clock } from './clock.ts';
import { RecentAttempts, type RecentAttemptsReport } from './recent-attempts.ts';

/** The state of a breaker and why. Times in milliseconds since 1970 by the hub's clock. */
export interface BreakerReport {
  readonly condition: BreakerCondition;
  readonly sinceMs: number;
  readonly cause: string;
  /** Deliveries that were tried and that failed within the window, each counted once. */
  readonly calls: number;
  readonly failures: number;
  /** When open: when one delivery will be let through. */
  readonly nextProbeAtMs: number | undefined;
  /** The last failure since the hub started. */
  readonly lastFailure: (Failure & { readonly kind: Outcome['kind'] }) | undefined;
  /** All attempts of the last minute, whatever the condition. */
  readonly recent: RecentAttemptsReport;
}

export interface BreakerOptions {
  readonly policy: BreakerPolicy;
  readonly clock: Clock;
  /** Called on every transition, synchronously. */
  readonly onChange: (condition: BreakerCondition) => void;
}

type Opossum = CircuitBreaker<[attempt: () => Promise<AttemptEnd>], AttemptEnd>;

/** What opossum is given to begin half open. */
const HALF_OPEN = {
  enabled: true,
  closed: false,
  open: false,
  halfOpen: true,
  warmUp: false,
  shutdown: false,
} as const;

/** How an attempt that counts against the breaker goes through opossum, which knows failures as rejections only. */
class CountedFailure extends Error {
  readonly outcome: AttemptEnd;

  constructor(outcome: AttemptEnd) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

/** What opossum runs. A probe that was not sent says nothing about the other side, and must not close the breaker. */
const judge = async (attempt: () => Promise<AttemptEnd>): Promise<AttemptEnd> => {
  const outcome = await attempt();
  if (outcome.kind === 'not_run' || countsAgainstBreaker(outcome)) throw new CountedFailure(outcome);
  return outcome;
};

/**
 * A lane's circuit breaker: opossum, and a record of its transitions that operators can read.
 *
 * opossum decides when to open, when to try again and when to close; a streak of failures opens it as well. It is notified
 * of every answer, and of each failed delivery once within the window, however often it is tried; a probe it runs itself.
 * Not used of opossum 10.0.0: its timeout (the action runs on), its concurrency limit (rejections count as failures), its
 * error filter (a filtered error counts as success).
 */
export class Breaker {
  readonly #policy: BreakerPolicy;
  readonly #clock: Clock;
  readonly #onChange: BreakerOptions['onChange'];
  readonly #recent: RecentAttempts;
  #opossum: Opossum;
  #condition: BreakerCondition = 'closed';
  #sinceMs: number;
  #cause = 'the hub started';
  /** While it is being opened again after a restart: as it was. */
  #restored: Pick<BreakerReport, 'cause' | 'sinceMs'> | undefined;
  #lastFailure: BreakerReport['lastFailure'];
  /** While it is opened by a streak: what that is. */
  #why: string | undefined;
  readonly #streak = new FailureStreak();
  /** Deliveries that failed within the window, by when they were counted, the first first. */
  readonly #countedAtMs = new Map<number, number>();

  constructor(options: BreakerOptions) {
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#recent = new RecentAttempts(options.clock);
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
      recent: this.#recent.report,
    };
  }

  /**
   * Runs one attempt and lets the breaker see its outcome. Any transition that follows from it is reported before the
   * promise resolves. The lane asks first: running while open is a fault of the lane and throws.
   */
  async run(seq: number, attempt: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
    if (this.#condition !== 'closed') return this.#fire(() => this.#run(attempt));
    const before = this.#opossum;
    const outcome = await this.#run(attempt);
    // What ends after a transition began before it, and decides nothing any more.
    const decides = this.#opossum === before && !before.isShutdown && this.#condition === 'closed';
    if (!decides || outcome.kind === 'not_run') return outcome;
    if (countsAgainstBreaker(outcome)) await this.#fail(seq, outcome);
    // What opossum counts of a success while it is closed. Its own way there is a fifth of the hub's work.
    else (before as EventEmitter).emit('fire');
    return outcome;
  }

  /** Opens it again after a restart, with its next probe when it would have been without one. */
  restore({ cause, sinceMs }: Pick<BreakerReport, 'cause' | 'sinceMs'>): void {
    const { resetTimeoutMs } = this.#policy;
    const passedMs = this.#clock.wallMs() - sinceMs;
    // The clock may have been set meanwhile, either way.
    const leftMs = Math.min(Math.max(0, resetTimeoutMs - passedMs), resetTimeoutMs);
    this.#restored = { cause, sinceMs: this.#clock.wallMs() - (resetTimeoutMs - leftMs) };
    // opossum starts its timer within open(), from this option.
    const { options } = this.#opossum as unknown as { options: { resetTimeout: number } };
    options.resetTimeout = leftMs;
    this.#opossum.open();
    options.resetTimeout = resetTimeoutMs;
    this.#restored = undefined;
  }

  /** Lets one attempt through before its time: half open from now on. Does nothing unless it is open. */
  tryNow(cause = 'an operator lets one delivery through'): void {
    if (this.#condition !== 'open') return;
    const before = this.#opossum;
    this.#opossum = this.#createOpossum({ isHalfOpen: true });
    before.shutdown();
    this.#changeTo('half_open', { cause, sinceMs: this.#clock.wallMs() });
  }

  close(): void {
    this.#opossum.shutdown();
  }

  async #run(attempt: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
    const outcome = await attempt();
    this.#recent.ended(outcome);
    if (outcome.kind === 'not_run') return outcome;
    if (outcome.kind !== 'delivered') this.#lastFailure = { kind: outcome.kind, ...outcome.failure };
    if (!countsAgainstBreaker(outcome)) this.#streak.answered(this.#clock.monotonicMs());
    return outcome;
  }

  async #fire(attempt: () => Promise<AttemptEnd>): Promise<AttemptEnd> {
    try {
      return await this.#opossum.fire(attempt);
    } catch (error) {
      if (error instanceof CountedFailure) return error.outcome;
      throw error;
    }
  }

  /** A delivery failed while the breaker is closed. One that failed within the window before is not counted again. */
  async #fail(seq: number, outcome: AttemptEnd): Promise<void> {
    const nowMs = this.#clock.monotonicMs();
    for (const [counted, atMs] of this.#countedAtMs) {
      if (nowMs - atMs < this.#policy.windowMs) break;
      this.#countedAtMs.delete(counted);
    }
    const isCounted = this.#countedAtMs.has(seq);
    if (!isCounted) this.#countedAtMs.set(seq, nowMs);
    if (this.#streak.failed(seq, nowMs)) {
      this.#why = `${this.#streak.size} different deliveries failed in a row; the last: ${this.#lastFailure?.code}`;
      this.#opossum.open();
      this.#why = undefined;
    } else if (!isCounted) {
      await this.#fire(() => Promise.resolve(outcome));
    }
  }

  #createOpossum({ isHalfOpen = false } = {}): Opossum {
    const { errorThresholdPercentage, volumeThreshold, windowMs, resetTimeoutMs } = this.#policy;
    // A fresh object each time: opossum writes into the one it is given.
    const opossum = new CircuitBreaker(judge, {
      timeout: false,
      errorThresholdPercentage,
      volumeThreshold,
      rollingCountTimeout: windowMs,
      rollingCountBuckets: 10,
      resetTimeout: resetTimeoutMs,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      ...(isHalfOpen && { state: HALF_OPEN }),
    });
    // One that was replaced may still learn of attempts that began with it; they decide nothing any more.
    const on = (event: 'open' | 'halfOpen' | 'close', change: () => void) => {
      const emitter: EventEmitter = opossum;
      emitter.on(event, () => {
        if (this.#opossum === opossum) change();
      });
    };
    on('open', () =>
      this.#changeTo('open', this.#restored ?? { cause: this.#whyOpen(), sinceMs: this.#clock.wallMs() }),
    );
    on('halfOpen', () => {
      const cause = `open for ${resetTimeoutMs / 1_000} s: one delivery is let through`;
      this.#changeTo('half_open', { cause, sinceMs: this.#clock.wallMs() });
    });
    on('close', () => {
      // Its window still holds the failures of the outage, and the next single failure would open it again.
      this.#opossum = this.#createOpossum();
      queueMicrotask(() => opossum.shutdown());
      this.#changeTo('closed', { cause: 'an attempt got an answer again', sinceMs: this.#clock.wallMs() });
    });
    return opossum;
  }

  #whyOpen(): string {
    if (this.#why !== undefined) return this.#why;
    const { fires, failures } = this.#opossum.stats;
    if (this.#condition === 'half_open')
      return `tried again, it failed still: ${this.#lastFailure?.code ?? 'the adapter does not run'}`;
    return `${failures} of ${fires} deliveries failed within ${this.#policy.windowMs / 1_000} s; the last: ${this.#lastFailure?.code}`;
  }

  #changeTo(condition: BreakerCondition, { cause, sinceMs }: Pick<BreakerReport, 'cause' | 'sinceMs'>): void {
    this.#condition = condition;
    this.#streak.clear();
    this.#countedAtMs.clear();
    this.#sinceMs = sinceMs;
    this.#cause = cause;
    this.#onChange(condition);
  }
}
