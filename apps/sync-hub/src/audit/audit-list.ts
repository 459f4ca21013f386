import { join } from 'node:path';
import { readLine } from './audit-chain.ts';
import { dayFile, dayOf, daysOf, type LogEnd, linesOf } from './audit-files.ts';

/** Which records, and from where on. */
export interface AuditQuery {
  /** At or after this time. */
  readonly sinceMs: number | undefined;
  /** Before this time. */
  readonly untilMs: number | undefined;
  /** Of these, by name; empty: of all, and those of the hub itself. */
  readonly principals: readonly string[];
  /** At most this many. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly after: AuditPlace | undefined;
}

/** A place in the log. */
export interface AuditPlace {
  readonly day: string;
  /** Of the beginning of a line in the day's file. */
  readonly offset: number;
}

export interface AuditPage {
  /** As they are on disk. */
  readonly lines: readonly string[];
  /** Undefined on the last page. A page may be short, and even empty, before the last. */
  readonly next: AuditPlace | undefined;
}

/** A page is answered in a message, and read while others wait. */
const PAGE_BYTES_MAX = 3 * 1024 * 1024;
const SCANNED_BYTES_MAX = 32 * 1024 * 1024;

/** A page of the records that match. What is damaged is left out; verifying finds it. */
export async function listAudit(folder: string, query: AuditQuery, end: LogEnd): Promise<AuditPage> {
  const { sinceMs, limit, after } = query;
  // A day's file holds nothing newer than its day.
  const first = after?.day ?? (sinceMs === undefined ? '' : dayOf(sinceMs));
  const days = (await daysOf(folder)).filter((day) => day >= first);
  const lines: string[] = [];
  let pageBytes = 0;
  let scannedBytes = 0;
  for (const day of days) {
    const from = day === after?.day ? after.offset : 0;
    const to = day === end.day ? end.bytes : Number.POSITIVE_INFINITY;
    for await (const { bytes, start } of linesOf(join(folder, dayFile(day)), { from, to })) {
      const isFull = lines.length >= limit || pageBytes + bytes.length > PAGE_BYTES_MAX;
      if (isFull || scannedBytes > SCANNED_BYTES_MAX) return { lines, next: { day, offset: start } };
      scannedBytes += bytes.length;
      if (!matches(bytes, query)) continue;
      lines.push(bytes.toString());
      pageBytes += bytes.length;
    }
  }
  return { lines, next: undefined };
}

function matches(bytes: Buffer, { sinceMs, untilMs, principals }: AuditQuery): boolean {
  const line = readLine(bytes);
  if (line === undefined) return false;
  const timeMs = Date.parse(line.time);
  if (sinceMs !== undefined && timeMs < sinceMs) return false;
  if (untilMs !== undefined && timeMs >= untilMs) return false;
  if (principals.length === 0) return true;
  const { principal } = line.fields as { principal?: { name?: string } };
  return principals.includes(principal?.name ?? '');
}
