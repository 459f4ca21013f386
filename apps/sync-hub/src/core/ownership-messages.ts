/** Both clocks of a hub, read together. The monotonic one stands still in a suspended machine; the other may jump. */
export interface Moment {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

/** A hub's row. A process that starts gets a new id; the name is that of its data folder. */
export interface HubRow {
  readonly id: string;
  readonly name: string;
  readonly beat: number;
  /** The adapters that it can run; none once it is stopping. */
  readonly canRun: ReadonlySet<string>;
}

export interface LaneRow {
  readonly adapter: string;
  readonly owner: string | undefined;
  readonly epoch: number;
  /** {@link patienceMs} of its attempt timeout. Raised before an attempt may take longer, lowered after the last one. */
  readonly patienceMs: number;
}

/** One transaction's view of the database. */
export interface PulseAnswer {
  /** All hubs, this one too. */
  readonly hubs: readonly HubRow[];
  readonly lanes: readonly LaneRow[];
  /** Changes when a failover may have lost commits: the timeline of PostgreSQL. */
  readonly timeline: number;
  /** The last one that was settled. It differs from `timeline` after a failover, until a hub has waited long enough. */
  readonly settledTimeline: number;
}

/** What happens to a hub. Each request is answered by its number, at most once. */
export type OwnershipInput = { readonly at: Moment } & (
  | { readonly kind: 'time_passed' }
  | {
      readonly kind: 'pulse_answered';
      readonly number: number;
      /** Another number for each connection to the database. */
      readonly session: number;
      /** `hub_unknown`: this hub has no row any more, since it was taken for dead or a failover lost it. */
      readonly answer: PulseAnswer | 'hub_unknown';
    }
  | { readonly kind: 'claim_answered'; readonly number: number; readonly isTaken: boolean }
  /** A release or settle was answered, or any request failed; what it did is seen in the next pulse. */
  | { readonly kind: 'request_ended'; readonly number: number }
  /** No attempt of the lane runs, and all outcomes are on disk or discarded. */
  | { readonly kind: 'drained'; readonly adapter: string; readonly epoch: number }
  /** The database refused a write: somebody else owns the lane. */
  | { readonly kind: 'lane_lost'; readonly adapter: string; readonly epoch: number }
  /** The hub stops: it drains and releases its lanes. */
  | { readonly kind: 'stop' }
);

/**
 * One transaction, on the one connection that the hub has for this. Its answer is reported with its number. The claim of
 * a hub without a row fails.
 */
export type OwnershipRequest =
  /** Read all rows, after adding 1 to this hub's beat and writing that it can run nothing, if so. */
  | { readonly kind: 'pulse'; readonly number: number; readonly beat: boolean; readonly isStopping: boolean }
  /**
   * Become the owner with this epoch, if the timeline, the lane's owner and epoch, and its owner's beat are as seen
   * (`seenBeat` undefined: there is no owner, or its row is gone).
   */
  | {
      readonly kind: 'claim';
      readonly number: number;
      readonly adapter: string;
      readonly epoch: number;
      readonly seenOwner: string | undefined;
      readonly seenEpoch: number;
      readonly seenBeat: number | undefined;
      readonly seenTimeline: number;
    }
  /** Leave the lane without an owner, if it is this hub's with this epoch. */
  | { readonly kind: 'release'; readonly number: number; readonly adapter: string; readonly epoch: number }
  /** Write that this timeline is settled, if it is the current one. */
  | { readonly kind: 'settle'; readonly number: number; readonly timeline: number };

/** What a hub wants done, in this order. */
export type OwnershipEffect =
  | OwnershipRequest
  /** Drop the connection, and connect again for the next request. */
  | { readonly kind: 'reconnect' }
  /** Begin no attempt of any lane; those that run continue. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'resume' }
  /** This hub owns the lane: run it, once an earlier `close` of it is done. */
  | { readonly kind: 'open'; readonly adapter: string; readonly epoch: number }
  /** Begin nothing more in the lane, wait for what runs, then report `drained`. */
  | { readonly kind: 'drain'; readonly adapter: string; readonly epoch: number }
  /** End the adapter's process and forget the lane: another hub may own it. */
  | { readonly kind: 'close'; readonly adapter: string; readonly epoch: number }
  /** Once all lanes are closed: join with a new id and begin with a new state, or end if it was to stop. */
  | { readonly kind: 'rejoin' }
  /** No lane is this hub's any more: delete its row, and end. */
  | { readonly kind: 'stopped' };
