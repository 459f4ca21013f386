import type { SystemCall } from './syscall-trace.ts';

export interface SyncBeforeAckOptions {
  readonly calls: readonly SystemCall[];
  /** The journal's write-ahead log. */
  readonly logPath: string;
  /** The hub's own: what it writes to others, such as the adapters' systems, is no acknowledgement. */
  readonly port: number;
  /** Finds what may be sent only once it is on disk: ids of events, receipts of deliveries. Global. */
  readonly words: RegExp;
}

/** What a trace says about the order of the hub's deeds. */
export interface SyncBeforeAck {
  /** Every word that the hub wrote to a caller. */
  readonly acknowledged: ReadonlySet<string>;
  /** Syncs of the log that returned without an error. */
  readonly syncs: number;
  /** One line for each word that was acknowledged and, in this trace, never written to the WAL. */
  readonly unwritten: readonly string[];
  /** One line for each word that was written to the WAL, and acknowledged before it was committed and synced. */
  readonly tooEarly: readonly string[];
}

/** In a frame of a SQLite WAL, https://sqlite.org/fileformat2.html#walformat: a header of 24 bytes, then the page. */
const FRAME_HEADER_BYTES = 24;
/** Where the header says how long the database is after the commit that this frame ends; 0 in all other frames. */
const COMMIT_SIZE_OFFSET = 4;
/** Longer than any word, so that one that was cut in two by two writes is found all the same. */
const OVERLAP_BYTES = 64;

/**
 * Finds for each word the write of the log that held it first, the frame that committed it, the first sync of the log
 * after that which succeeded, and requires that the hub began the write to the caller only then.
 */
export function syncBeforeAck({ calls, logPath, port, words }: SyncBeforeAckOptions): SyncBeforeAck {
  const ofLog = calls.filter(({ target }) => target === logPath);
  const writes = ofLog.filter(({ name, result }) => name === 'pwrite64' && result > 0);
  const syncs = ofLog.filter(({ name, result }) => (name === 'fsync' || name === 'fdatasync') && result === 0);
  const commits = writes.filter((_, index) => isCommitHeader(writes[index - 1]));
  const written = firstCalls(writes, words);
  const toCallers = calls.filter(
    ({ name, target }) => /^(write|writev|sendmsg|sendto)$/.test(name) && isOf(target, port),
  );
  const acknowledged = firstCalls(toCallers, words);
  const tooEarly = [...acknowledged].flatMap(([word, ack]) => {
    const write = written.get(word);
    if (write === undefined) return [];
    const commit = commits.find(({ begunAt }) => begunAt >= write.begunAt);
    if (commit === undefined) return [`${word} was acknowledged and never committed`];
    const sync = syncs.find(({ begunAt }) => begunAt > commit.endedAt);
    if (sync !== undefined && sync.endedAt < ack.begunAt) return [];
    return [
      `${word} was acknowledged in line ${ack.begunAt}, committed in ${commit.endedAt}, synced ${sync?.endedAt ?? 'never'}`,
    ];
  });
  const unwritten = [...acknowledged.keys()].filter((word) => !written.has(word));
  return {
    acknowledged: new Set(acknowledged.keys()),
    syncs: syncs.length,
    unwritten: unwritten.map((word) => `${word} was acknowledged and never written to the log`),
    tooEarly,
  };
}

function isCommitHeader(call: SystemCall | undefined): boolean {
  return call?.bytes.byteLength === FRAME_HEADER_BYTES && call.bytes.readUInt32BE(COMMIT_SIZE_OFFSET) !== 0;
}

function isOf(target: string, port: number): boolean {
  return target.split('->')[0]?.endsWith(`:${port}`) === true;
}

/** The first call that wrote each word to its target. */
function firstCalls(calls: readonly SystemCall[], words: RegExp): ReadonlyMap<string, SystemCall> {
  const first = new Map<string, SystemCall>();
  const tails = new Map<string, string>();
  for (const call of calls) {
    const text = (tails.get(call.target) ?? '') + call.bytes.toString('latin1', 0, Math.max(0, call.result || 0));
    for (const [word] of text.matchAll(words)) if (!first.has(word)) first.set(word, call);
    tails.set(call.target, text.slice(-OVERLAP_BYTES));
  }
  return first;
}
