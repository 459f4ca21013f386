import type { Readable } from 'node:stream';

export interface LineReaderOptions {
  /** What of a line goes past this is left out. */
  readonly lineMaxCharacters: number;
  /** Asked before each line: whether it is wanted. Those that are not are counted, and cost nothing more. */
  readonly isWanted: () => boolean;
  readonly onLine: (line: string) => void;
  readonly onLeftOut: (lines: number) => void;
  /** The stream has ended: the end of what was left out last, when nothing was wanted since. */
  readonly onEnd?: (leftOut: string) => void;
}

/**
 * Between two readings, each of 64 KiB at the most: a process that floods waits, however large or small the pieces are in
 * which it writes. Reading faster would cost the hub time that others need.
 */
const PAUSE_MS = 5;

/** Last words are shorter. */
const TAIL_BYTES = 16 * 1024;

const LINE_FEED = 10;

/** Reads a stream line by line, each bounded, and not faster than a process with something to say needs. */
export function readLines(stream: Readable, options: LineReaderOptions): void {
  const lines = new LineReader(options);
  stream.on('data', (chunk: Buffer) => {
    lines.push(chunk);
    stream.pause();
    setTimeout(() => stream.resume(), PAUSE_MS).unref();
  });
  stream.on('end', () => lines.end());
  // A pipe that breaks has ended.
  stream.on('error', () => undefined);
}

/** Bytes in, lines out. Only lines that are wanted become text. */
class LineReader {
  readonly #options: LineReaderOptions;
  /** Of the line that has begun and has not ended. */
  #begun: Buffer[] = [];
  #begunBytes = 0;
  /** In the middle of a line that is left out. */
  #skipping = false;
  #tail: Buffer[] = [];

  constructor(options: LineReaderOptions) {
    this.#options = options;
  }

  /** Bytes of a chunk that a stream gave. */
  push(chunk: Buffer): void {
    let from = 0;
    while (from < chunk.length) {
      if (!this.#options.isWanted()) {
        this.#leaveOut(chunk.subarray(from));
        return;
      }
      const end = chunk.indexOf(LINE_FEED, from);
      const part = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (!this.#skipping) this.#hold(part);
      if (end < 0) return;
      if (this.#skipping) this.#options.onLeftOut(1);
      else this.#endLine();
      this.#skipping = false;
      from = end + 1;
    }
  }

  end(): void {
    if (this.#begunBytes > 0 && this.#options.isWanted()) this.#endLine();
    const tail = Buffer.concat(this.#tail).subarray(-TAIL_BYTES);
    if (tail.length > 0) this.#options.onEnd?.(tail.toString('utf8'));
  }

  #hold(part: Buffer): void {
    // This many bytes have at least that many characters, whatever they are: what was cut shows by its length.
    const room = this.#options.lineMaxCharacters * 4 - this.#begunBytes;
    if (room <= 0 || part.length === 0) return;
    // A copy: it may wait for its end for long, and would hold on to all that was read with it.
    this.#begun.push(Buffer.from(part.subarray(0, room)));
    this.#begunBytes += Math.min(part.length, room);
  }

  #endLine(): void {
    const line = Buffer.concat(this.#begun).toString('utf8');
    this.#forget();
    this.#tail = [];
    this.#options.onLine(line.slice(0, this.#options.lineMaxCharacters));
  }

  #leaveOut(rest: Buffer): void {
    this.#tail = [this.#tail.at(-1) ?? Buffer.concat(this.#begun), rest];
    this.#forget();
    let lines = 0;
    for (let index = 0; index < rest.length; index += 1) if (rest[index] === LINE_FEED) lines += 1;
    if (lines > 0) this.#options.onLeftOut(lines);
    this.#skipping = rest.at(-1) !== LINE_FEED;
  }

  #forget(): void {
    this.#begun = [];
    this.#begunBytes = 0;
  }
}
