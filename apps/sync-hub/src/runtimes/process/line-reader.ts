import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

export interface LineReaderOptions {
  /** What of a line goes past this is left out. */
  readonly lineMaxCharacters: number;
  readonly onLine: (line: string) => void;
}

/** A process that floods is made to wait past this; reading faster would cost the hub time that others need. */
const BYTES_PER_SECOND = 4 * 1024 * 1024;

/** Reads a stream line by line, each bounded, and not faster than 4 MiB a second. */
export function readLines(stream: Readable, { lineMaxCharacters, onLine }: LineReaderOptions): void {
  const decoder = new StringDecoder('utf8');
  let line = '';
  let bytesThisSecond = 0;
  let secondBeganAtMs = performance.now();

  const take = (text: string) => {
    const parts = text.split('\n');
    const last = parts.pop() ?? '';
    for (const part of parts) {
      onLine((line + part).slice(0, lineMaxCharacters));
      line = '';
    }
    line = (line + last).slice(0, lineMaxCharacters);
  };

  stream.on('data', (chunk: Buffer) => {
    take(decoder.write(chunk));
    const nowMs = performance.now();
    if (nowMs - secondBeganAtMs >= 1_000) {
      secondBeganAtMs = nowMs;
      bytesThisSecond = 0;
    }
    bytesThisSecond += chunk.byteLength;
    if (bytesThisSecond < BYTES_PER_SECOND) return;
    stream.pause();
    setTimeout(() => stream.resume(), secondBeganAtMs + 1_000 - nowMs).unref();
  });
  stream.on('end', () => {
    if (line !== '') onLine(line);
  });
  // A pipe that breaks has ended.
  stream.on('error', () => undefined);
}
