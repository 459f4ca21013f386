/** Events of one stream that are not settled: enough to keep every lane busy with one publisher's work. */
export const UNSETTLED_MAX = 4_096;
/** Events of one stream on their way to the disk: enough for a full group, so that more would only wait longer in line. */
export const UNCOMMITTED_MAX = 1_024;
/** Of their payload, where it came as bytes: two full groups. One stream alone is slowed then and never refused. */
export const UNCOMMITTED_BYTES_MAX = 8 * 1024 * 1024;
/** With this many results and acks unread the hub reads no more events: who writes without reading is slowed. */
export const UNREAD_ENOUGH = UNSETTLED_MAX * 4;
/** What the unsettled events can add to that: results, and acks of 16 adapters with some retries each. */
export const UNREAD_MAX = UNREAD_ENOUGH + UNSETTLED_MAX * 32;
/** For whoever measures, such as `npm run bench -- --trace`; they cost nothing while nobody subscribes. */
export const eventRead = channel('hms-sync:event-read');
export const itemsWritten = channel('hms-sync:items-written');
export const EVENTS_PER_MESSAGE_MAX = 1_000;
/** About 200 KiB of acks: large enough to be cheap, small enough that the reader sees the first ones soon. */
export const ITEMS_PER_MESSAGE_MAX = 1_024;
