import { format } from 'node:util';

/** The recorded output of this process. */
export interface RecordedOutput {
  readonly texts: readonly string[];
  /** Stops recording. */
  stop(): void;
}

const METHODS = ['debug', 'info', 'log', 'warn', 'error'] as const;

/** Records the output to stdout, stderr and the console, and still writes it. */
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
  // Test runners replace the console, which then writes elsewhere.
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
