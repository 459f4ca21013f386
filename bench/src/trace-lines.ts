/** A step, when it was taken, and the events, deliveries ("event adapter") or attempts that took it together. */
export type TraceLine = readonly [step: string, atMs: number, ids: readonly string[]];

/** Where the traced hub writes its lines. */
export const TRACE_FOLDER_VARIABLE = 'HMS_SYNC_BENCH_TRACE_FOLDER';

/** By the machine's monotonic clock, which all processes share. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
