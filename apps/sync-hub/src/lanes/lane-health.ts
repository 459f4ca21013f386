import type { BreakerReport } from './breaker.ts';

/** How a lane stands, for operators. */
export interface LaneHealth {
  readonly state: 'starting' | 'ready' | 'paused' | 'failed' | 'incompatible' | 'draining';
  /** Why it is paused, failed or incompatible, and what to do; empty otherwise. */
  readonly reason: string;
  readonly breaker: BreakerReport;
  /** Deliveries that are not settled. */
  readonly waiting: number;
  /** Attempts that run now, overdue ones among them. */
  readonly inFlight: number;
  /** Undefined when nothing waits. */
  readonly oldestUnsettledAgeMs: number | undefined;
  readonly deadLetters: number;
}
