import { Buffer } from 'node:buffer';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { crc32 } from 'node:zlib';

/** How far a journal has come. */
export interface JournalEnd {
  /** The journal's own, 8 characters. */
  readonly id: string;
  readonly lastSeq: number;
  readonly lastCursor: number;
}

const ID_BYTES = 8;
const SIZE_BYTES = ID_BYTES + 8 + 8 + 4;

/**
 * A small file beside the journal that says how far it had come when it last told anybody. SQLite ends its log at the
 * first frame that is not whole, whether a crash left that one unfinished or it was damaged long after its commit: only
 * this file tells the two apart. Written after each commit and before the answers, without an fsync of its own: it is
 * never ahead of the journal, and after a power cut it may be behind, which costs nothing but its watch.
 */
export class EndMark {
  readonly #descriptor: number;
  readonly #bytes = Buffer.alloc(SIZE_BYTES);
  #told: JournalEnd | undefined;

  constructor(path: string) {
    this.#descriptor = openSync(path, existsSync(path) ? 'r+' : 'w+', 0o600);
  }

  /** What it says; undefined when it says nothing, or something that is not whole. */
  static read(path: string): JournalEnd | undefined {
    if (!existsSync(path)) return undefined;
    const bytes = readFileSync(path);
    if (bytes.byteLength !== SIZE_BYTES) return undefined;
    if (bytes.readUInt32BE(SIZE_BYTES - 4) !== crc32(bytes.subarray(0, SIZE_BYTES - 4))) return undefined;
    return {
      id: bytes.toString('latin1', 0, ID_BYTES),
      lastSeq: bytes.readDoubleBE(ID_BYTES),
      lastCursor: bytes.readDoubleBE(ID_BYTES + 8),
    };
  }

  /** To be called once a commit returned and before anybody is told of it. */
  advance(end: JournalEnd): void {
    if (this.#told?.lastSeq === end.lastSeq && this.#told.lastCursor === end.lastCursor) return;
    this.#told = end;
    this.#bytes.write(end.id, 'latin1');
    this.#bytes.writeDoubleBE(end.lastSeq, ID_BYTES);
    this.#bytes.writeDoubleBE(end.lastCursor, ID_BYTES + 8);
    this.#bytes.writeUInt32BE(crc32(this.#bytes.subarray(0, SIZE_BYTES - 4)), SIZE_BYTES - 4);
    try {
      writeSync(this.#descriptor, this.#bytes, 0, SIZE_BYTES, 0);
    } catch (error) {
      // Then it stays behind, and the journal, which works, is less watched.
      if (!isFull(error)) throw error;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

/** What is missing of a journal whose mark says more; undefined when nothing is. A sentence with what to do. */
export function missing(path: string, mark: JournalEnd | undefined, found: JournalEnd): string | undefined {
  if (mark === undefined) return undefined;
  const wayOut = `Put its files back as they were, or restore a backup. To go on with what is there, remove ${markPath(path)}.`;
  if (mark.id !== found.id) {
    return `${path} is journal ${found.id}, and the one that was here was ${mark.id}. ${wayOut}`;
  }
  if (found.lastSeq >= mark.lastSeq && found.lastCursor >= mark.lastCursor) return undefined;
  return (
    `The journal ${path} ends with seq ${found.lastSeq} and record ${found.lastCursor}, but a hub already told of ` +
    `seq ${mark.lastSeq} and record ${mark.lastCursor}: its log ${path}-wal is damaged, cut short or missing. ${wayOut}`
  );
}

export function markPath(path: string): string {
  return `${path}-end`;
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
}
