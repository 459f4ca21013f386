import { Buffer } from 'node:buffer';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import { CorruptionError } from '../journal-error.ts';

/** How far a journal has come. */
export interface HighWater {
  /** The journal's id, 8 characters. */
  readonly id: string;
  readonly newestSeq: number;
  /** The newest position of each lane, added up: it grows with every record. */
  readonly positions: number;
}

const ID_BYTES = 8;
const SUMMED_BYTES = ID_BYTES + 8 + 8;
const SIZE_BYTES = SUMMED_BYTES + 4;

/**
 * A small file beside the journal that says how far the journal had come when the hub last reported a commit. SQLite
 * ends its log at the first frame that is not intact, whether a crash left that one unfinished or it was damaged long
 * after its commit: only this file distinguishes the two. Written after each commit and before it is reported, never
 * synced: it is never ahead of the journal, and after a power cut it may be behind, which only makes it less strict.
 */
export class CommitHighWaterMark {
  readonly #descriptor: number;
  readonly #bytes = Buffer.alloc(SIZE_BYTES);
  #newestSeq = -1;
  #positions = -1;

  constructor(path: string) {
    this.#descriptor = openSync(path, existsSync(path) ? 'r+' : 'w+', 0o600);
  }

  /** To be called once a commit returned and before it is reported. */
  advance({ id, newestSeq, positions }: HighWater): void {
    if (this.#newestSeq === newestSeq && this.#positions === positions) return;
    [this.#newestSeq, this.#positions] = [newestSeq, positions];
    this.#bytes.write(id, 'latin1');
    this.#bytes.writeDoubleBE(newestSeq, ID_BYTES);
    this.#bytes.writeDoubleBE(positions, ID_BYTES + 8);
    this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(0, SUMMED_BYTES)), SUMMED_BYTES);
    try {
      writeSync(this.#descriptor, this.#bytes, 0, SIZE_BYTES, 0);
    } catch (error) {
      // On a full disk it stays behind; the journal itself works.
      if (!isDiskFull(error)) throw error;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/**
 * What a journal lacks of what its mark says, as a sentence with what to do; undefined when it lacks nothing. A mark of
 * version 2 holds the newest record's number, which is never above the sum of the positions that are made of them.
 */
export function missingCommits(path: string, found: HighWater): string | undefined {
  const mark = readMark(markPath(path));
  if (mark === undefined) return undefined;
  const advice = `Put its files back as they were, or restore a backup. To continue without what is missing, remove ${markPath(path)}.`;
  if (mark.id !== found.id) return `${path} is journal ${found.id}, but the one that was here is ${mark.id}. ${advice}`;
  if (found.newestSeq >= mark.newestSeq && found.positions >= mark.positions) return undefined;
  return (
    `The journal ${path} ends with seq ${found.newestSeq} and position ${found.positions}, but a hub already reported ` +
    `seq ${mark.newestSeq} and position ${mark.positions}: its log ${path}-wal is damaged, cut short or missing. ${advice}`
  );
}

/** @throws {CorruptionError} when the journal has no id */
export function readHighWater(database: DatabaseSync): HighWater {
  const row = database
    .prepare(`
      SELECT id, (SELECT coalesce(max(seq), 0) FROM event) AS newestSeq,
        (SELECT coalesce(sum(max(positions_after, pruned_to,
          coalesce((SELECT max(position) FROM record WHERE record.adapter = number), 0))), 0) FROM adapter) AS positions
      FROM journal`)
    .get();
  if (row === undefined) throw new CorruptionError('it has lost its id');
  return { id: String(row.id), newestSeq: Number(row.newestSeq), positions: Number(row.positions) };
}

export function markPath(path: string): string {
  return `${path}-end`;
}

/** Undefined when there is none, or it is not intact. */
function readMark(path: string): HighWater | undefined {
  const bytes = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
  if (bytes.byteLength !== SIZE_BYTES) return undefined;
  if (bytes.readUInt32BE(SUMMED_BYTES) !== crc32(bytes.subarray(0, SUMMED_BYTES))) return undefined;
  return {
    id: bytes.toString('latin1', 0, ID_BYTES),
    newestSeq: bytes.readDoubleBE(ID_BYTES),
    positions: bytes.readDoubleBE(ID_BYTES + 8),
  };
}

function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
