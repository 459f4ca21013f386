import type { AcceptedEvent, EventIdentity } from './event.ts';
import type { Failure, OutcomeKind } from './outcome.ts';

/** What the hub counts about a delivery, kept in the journal over restarts. */
export interface DeliveryCounts {
  /** Which life this is: 1 at first, one more for each replay. */
  readonly cycle: number;
  /** Attempts that ran in this cycle, probes and throttled ones among them. */
  readonly attempts: number;
  /** Failed attempts of this cycle that count towards the dead letter: see Evidence. What begins to count later is recorded
   * with the next attempt. */
  readonly spent: number;
  /** Attempts in which the adapter broke. */
  readonly crashes: number;
}

/** A place in the order in which deliveries of one lane become ready: by time, then by seq. */
export interface ReadyPlace {
  /** On the monotonic clock. */
  readonly dueAtMs: number;
  readonly seq: number;
}

/**
 * A head that the journal hands to its lane: one that is ready, or one that the lane looked for ahead of its due time.
 */
export interface ReadyDelivery extends DeliveryCounts {
  readonly event: AcceptedEvent;
  /** With the event's seq its {@link ReadyPlace}. On the monotonic clock. */
  readonly dueAtMs: number;
  /** Before this the external system asked not to be called for it; 0 when it did not. On the monotonic clock. */
  readonly notBeforeMs: number;
  /** When it was accepted or last replayed, on the monotonic clock. */
  readonly sinceMs: number;
  /** It was ready when its lane was opened, or waited for a retry (the clock may have been set back): an earlier process may
   * have attempted it and not lived to record that. */
  readonly mayHaveRun: boolean;
}

/** A dead letter that was replayed: it is open again. */
export interface ReopenedDelivery {
  readonly adapter: string;
  readonly seq: number;
  /** A later delivery of its key that is the key's head until its lane gives it back, or its outcome is recorded;
   * undefined when there is none. */
  readonly behindSeq: number | undefined;
}

/** The states in which a delivery is recorded. All but retrying settle it. */
export type RecordedState = 'retrying' | 'delivered' | 'skipped' | 'dead_lettered' | 'discarded';

/** The state of a delivery: as it was last recorded, or waiting when nothing was recorded in this cycle. */
export type DeliveryState = RecordedState | 'waiting';

/** True while a delivery is not settled. */
export function isOpen(state: DeliveryState): boolean {
  return state === 'waiting' || state === 'retrying';
}

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

/** One step of a delivery's life, and its state and counts afterwards. */
export interface DeliveryRecord extends DeliveryCounts {
  readonly adapter: string;
  readonly seq: number;
  readonly eventId: EventIdentity['id'];
  readonly source: EventIdentity['source'];
  /** Of the event; empty when it has none. */
  readonly key: string;
  /** Of the adapter's package; empty when no attempt ran. */
  readonly adapterVersion: string;
  readonly state: RecordedState;
  /** When this became true, in milliseconds since 1970 by the hub's clock. */
  readonly atMs: number;
  /** For retrying: when the next attempt is due, by the same clock. 0 otherwise. */
  readonly nextAttemptAtMs: number;
  /** The attempt that led here; absent when none was made. */
  readonly attempt?: EndedAttempt;
  /** For discarded: why an operator discarded it. For dead_lettered without an attempt: why none was made. Absent
   * otherwise. */
  readonly reason?: string;
}

/** A record that is on disk. What callers receive as an ack. */
export interface RecordedDelivery extends DeliveryRecord {
  /** Its place among the records of its lane, from 1, rising in the order of commit; gaps are allowed. */
  readonly position: number;
}
