/** One call to the system, as `strace -f -yy -xx` wrote it down. */
export interface SystemCall {
  /** Such as `pwrite64`. */
  readonly name: string;
  /** What it was made on: a file's path, or a TCP connection as `127.0.0.1:7003->127.0.0.1:50123`, the own end first. */
  readonly target: string;
  /** What it was given to write, of which the system took `result` bytes; empty when strace was configured to leave it out. */
  readonly bytes: Buffer;
  /** Lines of the trace, which are in the order of time: where the call was seen to begin, and to return. */
  readonly begunAt: number;
  /** Infinity: it never returned. */
  readonly endedAt: number;
  /** What it returned; -1 when it failed, NaN when it never returned. */
  readonly result: number;
  /** Such as `EIO`; empty when it did not fail. */
  readonly error: string;
}

const BEGUN = /^(\d+) +(\w+)\(/;
const RESUMED = /^(\d+) +<\.\.\. (\w+) resumed>/;
const UNFINISHED = ' <unfinished ...>';
const CONNECTION = /\d+<TCP:\[([^\]]+)\]>/y;
const FILE = /\d+<((?:\\x[0-9a-f]{2})+)>/y;
const QUOTED = /"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?/g;

/**
 * The calls of a trace in the order in which they began, those on files and TCP connections alone.
 *
 * @throws Error when strace cut off the end of what was written: what is not in the trace cannot be judged
 */
export function parseTrace(trace: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  /** By thread, which can be inside one call alone: the place of its call that has not returned. */
  const open = new Map<string, number>();
  for (const [number, line] of trace.split('\n').entries()) {
    const resumed = RESUMED.exec(line);
    if (resumed !== null) {
      const place = open.get(resumed[1] ?? '');
      open.delete(resumed[1] ?? '');
      const call = place === undefined ? undefined : calls[place];
      if (place !== undefined && call !== undefined) calls[place] = { ...call, endedAt: number, ...returned(line) };
      continue;
    }
    const [head, thread, name] = BEGUN.exec(line) ?? [];
    if (head === undefined || thread === undefined || name === undefined) continue;
    const target = targetAt(line, head.length);
    if (target === undefined) continue;
    const begun = { name, target, bytes: bytesOf(line), begunAt: number };
    if (line.endsWith(UNFINISHED)) {
      open.set(thread, calls.length);
      calls.push({ ...begun, endedAt: Number.POSITIVE_INFINITY, result: Number.NaN, error: '' });
    } else calls.push({ ...begun, endedAt: number, ...returned(line) });
  }
  return calls;
}

function targetAt(line: string, place: number): string | undefined {
  CONNECTION.lastIndex = place;
  const connection = CONNECTION.exec(line)?.[1];
  if (connection !== undefined) return connection;
  FILE.lastIndex = place;
  const path = FILE.exec(line)?.[1];
  return path === undefined ? undefined : fromHex(path).toString();
}

function bytesOf(line: string): Buffer {
  const pieces = Array.from(line.matchAll(QUOTED), ([, hex = '', cut]) => {
    // With a limit of 0 nobody asked for the bytes.
    if (cut !== undefined && hex !== '') throw new Error('strace cut off what was written; give it a larger -s');
    return fromHex(hex);
  });
  return Buffer.concat(pieces);
}

function fromHex(text: string): Buffer {
  return Buffer.from(text.replaceAll('\\x', ''), 'hex');
}

/** `... = 4096`, `... = -1 EIO (Input/output error) (INJECTED)`, or `... = ?` in a process that ends. */
function returned(line: string): Pick<SystemCall, 'result' | 'error'> {
  const [, result = '?', error = ''] = /\) += (-?\d+|\?)(?: (E[A-Z0-9]+))?[^=]*$/.exec(line.slice(-200)) ?? [];
  return { result: result === '?' ? Number.NaN : Number(result), error };
}
