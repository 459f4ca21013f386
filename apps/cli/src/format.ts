import { type Duration, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import prettyMs from 'pretty-ms';
import { printable } from './terminal.ts';

/** A duration in its two largest units, without a fraction from one second on: "85ms", "12s", "1m 30s", "2d 3h". */
export function formatMs(ms: number): string {
  const rounded = ms < 1_000 ? Math.round(ms) : Math.round(ms / 1_000) * 1_000;
  return prettyMs(Math.max(0, rounded), { unitCount: 2 });
}

/** A protobuf duration in milliseconds with its fraction, which the library's own function rounds away. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

/** A protobuf duration as `formatMs` writes it; "-" when absent. */
export function formatDuration(duration: Duration | undefined): string {
  return duration === undefined ? '-' : formatMs(durationMs(duration));
}

/** A time as RFC 3339 in UTC; undefined when absent, or outside the range of Date. */
export function isoTime(time: Timestamp | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = new Date(timestampMs(time));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A time in UTC to the second, "2026-01-31T08:00:00Z"; "-" when absent. */
export function formatTime(time: Timestamp | undefined): string {
  return isoTime(time)?.replace(/\.\d+Z$/, 'Z') ?? '-';
}

/** The name of a protobuf enum's value without its prefix; "UNKNOWN_<number>" for a value of a newer hub. */
export function enumName(names: Record<number, string | undefined>, value: number): string {
  return names[value] ?? `UNKNOWN_${value}`;
}

/** The id of an event, with its source if it has one. */
export function eventName(id: string, source: string): string {
  return source === '' ? printable(id) : `${printable(id)} (${printable(source)})`;
}

/** "1 delivery", "12 deliveries". */
export function countDeliveries(count: bigint | number): string {
  return `${count} ${Number(count) === 1 ? 'delivery' : 'deliveries'}`;
}
