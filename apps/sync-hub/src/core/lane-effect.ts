import type { DeliveryCounts, ReadyPlace, RecordedState } from './delivery.ts';
import type { AcceptedEvent } from './event.ts';
import type { PauseCause } from './lane.ts';
import type { LookPurpose } from './lane-input.ts';
import type { Outcome } from './outcome.ts';

/** What a lane wants done. */
export type LaneEffect =
  /** Call adapter code. `number` counts from 1 within the cycle. */
  | {
      readonly kind: 'attempt';
      readonly event: AcceptedEvent;
      readonly number: number;
      readonly redelivered: boolean;
      readonly timeoutMs: number;
    }
  /** Nobody waits for this attempt any longer; `timed_out` was its outcome. */
  | { readonly kind: 'abort'; readonly seq: number }
  | RecordEffect
  /** Read what is ready after this place, then report `page`. */
  | {
      readonly kind: 'read';
      readonly after: ReadyPlace | undefined;
      readonly limit: number;
      readonly limitBytes: number;
    }
  /** Read one head, due or not, then report `head`. */
  | LookAheadEffect
  /** Tell the journal that this head does not run here, then report `answered`. */
  | { readonly kind: 'give_back'; readonly seq: number }
  /** Have the journal discard it, then report `answered`. */
  | { readonly kind: 'discard'; readonly seq: number; readonly reason: string }
  /** What an operator lets through now; undefined when nothing can be. */
  | { readonly kind: 'probing'; readonly event: AcceptedEvent | undefined }
  /** What holds the whole lane is not what it was. */
  | { readonly kind: 'gate_changed' }
  /** The lane paused itself. */
  | { readonly kind: 'paused'; readonly cause: PauseCause };

/** Put this on disk, then report `recorded`. */
export interface RecordEffect {
  readonly kind: 'record';
  readonly event: AcceptedEvent;
  readonly counts: DeliveryCounts;
  readonly state: RecordedState;
  /** For retrying: how long until the next attempt; undefined when that depends on an operator. */
  readonly nextAttemptInMs: number | undefined;
  /** Of that the external system asked for this much. */
  readonly notBeforeInMs: number;
  /** The attempt that led here; undefined when none was made. */
  readonly attempt: { readonly durationMs: number; readonly outcome: Outcome } | undefined;
}

export interface LookAheadEffect {
  readonly kind: 'look_ahead';
  readonly purpose: LookPurpose;
  /** This one; undefined: the one that is due first after this place. */
  readonly seq: number | undefined;
  readonly after: ReadyPlace | undefined;
  /** Not of the key of this other. */
  readonly except: Pick<AcceptedEvent, 'key' | 'seq'> | undefined;
  /** Also one that the external system asked not to be called for yet. */
  readonly ignoreNotBefore: boolean;
}
