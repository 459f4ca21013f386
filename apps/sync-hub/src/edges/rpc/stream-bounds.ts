/** Events of one stream that are not settled: enough to keep every lane busy with one publisher's work. */
const unsettled = 4_096;
/** With this many results and acks unread the hub reads no more events: who writes without reading is slowed. */
const unreadEnough = unsettled * 4;

/** How much of one PublishStream the hub takes on at a time. */
export const STREAM_BOUNDS = {
  unsettled,
  /** Events on their way to the disk: enough for a full group, so that more would only wait longer in line. */
  uncommitted: 1_024,
  /** Of their payload, where it came as bytes: two full groups. One stream alone is slowed then and never refused. */
  uncommittedBytes: 8 * 1024 * 1024,
  unreadEnough,
  /** What the unsettled events can add to that: results, and acks of 16 adapters with some retries each. */
  unread: unreadEnough + unsettled * 32,
  eventsPerMessage: 1_000,
  /** About 200 KiB of acks: large enough to be cheap, small enough that the reader sees the first ones soon. */
  itemsPerMessage: 1_024,
} as const;
