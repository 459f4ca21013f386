import { format } from 'node:util';

/** What this process writes for people, while it is recorded. */
export interface RecordedOutput {
  readonly texts: readonly string[];
  /** Records no more. */
  stop(): void;
}

const METHODS = ['debug', 'info', 'log', 'warn', 'error'] as const;

/** Records what is written to stdout, stderr and the console; it is written all the same. */
export function recordOutput(): RecordedOutput {
  const texts: string[] = [];
  const undo: (() => void)[] = [];
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write;
    stream.write = (chunk: string | Uint8Array, ...rest: unknown[]) => {
      texts.push(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString());
      return Reflect.apply(write, stream, [chunk, ...rest]) === true;
    };
    undo.push(() => {
      stream.write = write;
    });
  }
  // Test runners put a console of their own in place, which writes elsewhere.
  for (const name of METHODS) {
    const method = console[name];
    console[name] = (...values: unknown[]) => {
      texts.push(format(...values));
      method(...values);
    };
    undo.push(() => {
      console[name] = method;
    });
  }
  return {
    texts,
    stop: () => {
      for (const restore of undo) restore();
    },
  };
}
