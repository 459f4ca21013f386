/** Deletes what has had its time, a step at a time: other requests are served between the steps. */
export interface PruneRequest {
  /**
   * Only events whose deliveries were all settled before this time by the hub's clock, none of them a dead letter; and
   * at the end of a round jobs that ended and were made before it.
   */
  readonly settledBeforeMs: number;
  /** Goes on after this event: `next` of the step before. Absent: begins a round with the oldest. */
  readonly afterSeq?: number;
  /** Looks at this many events at most, and so deletes no more: 256 take about 10 ms. */
  readonly maxEvents: number;
  /**
   * Deletes about this many records at most: 2,048 take about 10 ms. An event with more of them keeps its newest record,
   * and so its state, until a later step deletes it as a whole; what its deliveries did before is gone earlier.
   */
  readonly maxRecords: number;
}

export interface PruneResult {
  /** Deleted, with all of their deliveries and records. The newest event is always kept. */
  readonly events: number;
  /** Deleted, those of events that a later step deletes among them. */
  readonly records: number;
  /** Where the next step goes on; undefined when the round is over. */
  readonly next: number | undefined;
}
