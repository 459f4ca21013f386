import type { AcceptedEvent } from './event.ts';
import type { Failure, OutcomeKind } from './outcome.ts';

/** What the hub counts about a delivery, kept in the journal over restarts. */
export interface DeliveryCounts {
  /** Which life this is: 1 at first, one more for each replay. */
  readonly cycle: number;
  /** Attempts that ran in this cycle, probes and throttled ones among them. */
  readonly attempts: number;
  /** Attempts that count towards the dead letter: not the probes of a half-open breaker, not throttled ones. */
  readonly spent: number;
  /** Attempts in which the adapter broke. */
  readonly crashes: number;
}

/** A delivery that is not settled, as the journal hands it to its lane. */
export interface OpenDelivery extends DeliveryCounts {
  readonly event: AcceptedEvent;
  /** Not to be attempted before this, in milliseconds since 1970 by the hub's clock; 0 when it may go at once. */
  readonly notBeforeMs: number;
  /** Since when it stands as it does: when it was accepted, replayed, or its last attempt was recorded; by the same clock. */
  readonly asOfMs: number;
}

/** A dead letter that is open again. */
export interface ReopenedDelivery {
  readonly adapter: string;
  readonly delivery: OpenDelivery;
  /** Whoever replayed it wants it sent also when a newer event of its key was or is being delivered. */
  readonly mayFollowNewer: boolean;
}

/** The states in which a delivery is recorded. All but retrying settle it. */
export type RecordedState = 'retrying' | 'delivered' | 'skipped' | 'dead_lettered' | 'discarded';

/** Where a delivery stands: as it was last recorded, or waiting when nothing was recorded in this cycle. */
export type DeliveryState = RecordedState | 'waiting';

/** One attempt that ended. */
export interface EndedAttempt {
  /** When it began, in milliseconds since 1970 by the hub's clock. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly outcome: OutcomeKind;
  /** What the external system answered when it delivered, at most 1 KiB; empty otherwise. */
  readonly receipt: string;
  /** Absent when it delivered. */
  readonly failure?: Failure;
}

/** What a lane has recorded about a delivery: one step of its life, and what it stands at afterwards. */
export interface DeliveryRecord extends DeliveryCounts {
  readonly adapter: string;
  readonly seq: number;
  readonly eventId: string;
  /** Of the adapter's package; empty when no attempt ran. */
  readonly adapterVersion: string;
  readonly state: RecordedState;
  /** When this became true, in milliseconds since 1970 by the hub's clock. */
  readonly atMs: number;
  /** For retrying: when the next attempt is due. 0 otherwise. */
  readonly nextAttemptAtMs: number;
  /** The attempt that led here; absent when none was made. */
  readonly attempt?: EndedAttempt;
  /** For discarded: why a person gave it up. For dead_lettered without an attempt: why none was made. Absent otherwise. */
  readonly reason?: string;
}

/** A record that is on disk. What is told as an ack. */
export interface RecordedDelivery extends DeliveryRecord {
  /** Its place in the journal, from 1, rising in the order of commit; gaps are allowed. */
  readonly cursor: number;
}
