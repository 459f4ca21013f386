import { type Duration, type Timestamp, timestampMs } from '@bufbuild/protobuf/wkt';
import { printable } from './terminal.ts';

/** A length of time as a person says it, in its largest unit: "85 ms", "12 s", "3 min", "2 h", "5 d". */
export function lengthInWords(ms: number): string {
  const whole = Math.max(0, Math.round(ms));
  if (whole < 1_000) return `${whole} ms`;
  if (whole < 120_000) return `${Math.round(whole / 1_000)} s`;
  if (whole < 7_200_000) return `${Math.round(whole / 60_000)} min`;
  if (whole < 172_800_000) return `${Math.round(whole / 3_600_000)} h`;
  return `${Math.round(whole / 86_400_000)} d`;
}

/** A protobuf duration in milliseconds with its fraction, which the library's own function rounds away. */
export function durationMs(duration: Duration): number {
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}

/** A protobuf duration in words; "-" when absent. */
export function durationInWords(duration: Duration | undefined): string {
  return duration === undefined ? '-' : lengthInWords(durationMs(duration));
}

/** A moment as RFC 3339 in UTC; undefined when absent, or outside the years that a Date can hold. */
export function isoTime(time: Timestamp | undefined): string | undefined {
  if (time === undefined) return undefined;
  const date = new Date(timestampMs(time));
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString();
}

/** A moment for operators, the same everywhere: UTC to the second, "2026-01-31T08:00:00Z"; "-" when absent. */
export function timeInWords(time: Timestamp | undefined): string {
  return isoTime(time)?.replace(/\.\d+Z$/, 'Z') ?? '-';
}

/** The name of a protobuf enum's value without its prefix; a value that a newer hub added keeps its number. */
export function enumName(names: Record<number, string | undefined>, value: number): string {
  return names[value] ?? `UNKNOWN_${value}`;
}

/** An event for operators: its id, and its source where it has one. */
export function eventName(id: string, source: string): string {
  return source === '' ? printable(id) : `${printable(id)} (${printable(source)})`;
}
