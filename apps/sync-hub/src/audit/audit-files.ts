import { createReadStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChainEnd } from './audit-chain.ts';

/** The file beside the days that says where the log ends. */
export const HEAD_FILE = 'head';

const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;
/** No record is as long; what is comes in pieces, none of which is a record. */
const LINE_BYTES_MAX = 1024 * 1024;

/** Where a log ends on disk. */
export interface LogEnd extends ChainEnd {
  /** Of the last file; undefined while there is none. */
  readonly day: string | undefined;
  /** How much of the last file is whole. */
  readonly bytes: number;
}

/** The folder of the audit log of a data folder. */
export function auditFolder(dataDir: string): string {
  return join(dataDir, 'audit');
}

/** The UTC day of a moment, such as "2026-11-28". */
export function dayOf(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10);
}

export function dayFile(day: string): string {
  return `${day}.jsonl`;
}

/** The days that a log has files of, oldest first. */
export async function daysOf(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  return names.flatMap((name) => DAY_FILE.exec(name)?.[1] ?? []).sort();
}

/** The text of the head; empty without one. */
export async function readHeadText(folder: string): Promise<string> {
  return readFile(join(folder, HEAD_FILE), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
}

/** A line of a file: its bytes without the line feed, and where it begins and ends. */
export interface FileLine {
  readonly bytes: Buffer;
  readonly start: number;
  /** After its line feed. */
  readonly end: number;
  /** False for what is after the last line feed. */
  readonly isWhole: boolean;
}

/** The lines of a file, from one offset, which is the beginning of a line, to another. */
export async function* linesOf(
  path: string,
  { from = 0, to = Number.POSITIVE_INFINITY } = {},
): AsyncGenerator<FileLine> {
  if (to <= from) return;
  let rest = Buffer.alloc(0);
  let start = from;
  for await (const chunk of createReadStream(path, { start: from, end: to - 1 })) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let begin = 0;
    for (let feed = rest.indexOf(0x0a); feed !== -1; feed = rest.indexOf(0x0a, begin)) {
      const bytes = rest.subarray(begin, feed);
      yield { bytes, start, end: start + bytes.length + 1, isWhole: true };
      start += bytes.length + 1;
      begin = feed + 1;
    }
    rest = rest.subarray(begin);
    if (rest.length <= LINE_BYTES_MAX) continue;
    yield { bytes: rest, start, end: start + rest.length, isWhole: true };
    start += rest.length;
    rest = Buffer.alloc(0);
  }
  if (rest.length > 0) yield { bytes: rest, start, end: start + rest.length, isWhole: false };
}
