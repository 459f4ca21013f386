import { constants, openSync } from 'node:fs';
import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { visibleJson } from '@hms-sync/proto/visible-text';
import { type DestinationStream, type Logger, pino } from 'pino';
import sonic from 'sonic-boom';

/** The hub's log: JSON lines on stderr. No record holds a payload or a secret. */
export type Log = Logger;

export function createLog(level: string, destination?: DestinationStream): Log {
  const onLeftOut = (lines: number) =>
    log.warn({ lines }, 'lines were left out: nobody read the log, or its disk was full');
  const stream = destination ?? new LogOutput({ fd: stderrWithoutWaiting(), onLeftOut });
  // What publishers, adapters and their systems wrote is read in terminals.
  const hooks = { streamWrite: visibleJson };
  const log = pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, hooks }, stream);
  return log;
}

/** What an adapter logs, as the hub's records with its id and version. */
export function createAdapterLog(log: Log, adapter: { readonly id: string; readonly version: string }): AdapterLog {
  const child = log.child({ adapter: adapter.id, adapterVersion: adapter.version });
  return {
    debug: (message, fields) => child.debug({ fields }, message),
    info: (message, fields) => child.info({ fields }, message),
    warn: (message, fields) => child.warn({ fields }, message),
    error: (message, fields) => child.error({ fields }, message),
  };
}

/** Of lines that wait for a reader or a disk; what comes past it is left out. */
const WAITING_MAX_BYTES = 1024 * 1024;
const RETRY_MS = 100;

export interface LogOutputOptions {
  /** A file descriptor whose writes do not block. */
  readonly fd: number;
  /** Lines are written again, and this many were left out meanwhile. */
  readonly onLeftOut: (lines: number) => void;
}

/**
 * Where the log goes. A full disk, a pipe that nobody reads and a reader that is gone neither end, block nor delay the
 * hub: lines wait, at most 1 MiB of them, and are then left out and counted.
 */
export class LogOutput {
  readonly #output: sonic.SonicBoom;
  #leftOut = 0;
  #stuck = false;
  #retry: NodeJS.Timeout | undefined;

  constructor({ fd, onLeftOut }: LogOutputOptions) {
    this.#output = new sonic.SonicBoom({
      fd,
      // So that the last words before an exit are not lost; the hub logs changes, never single deliveries.
      sync: true,
      maxLength: WAITING_MAX_BYTES,
      // Else flush() does nothing.
      minLength: 1,
      // It would wait for the reader, and everything with it.
      retryEAGAIN: () => false,
    });
    this.#output.on('error', () => {
      this.#stuck = true;
      this.#retrySoon();
    });
    this.#output.on('write', () => {
      this.#stuck = false;
    });
    this.#output.on('drop', () => {
      this.#leftOut += 1;
    });
    this.#output.on('drain', () => {
      // It is reported late, and may have got stuck since.
      if (this.#stuck) return;
      const lines = this.#leftOut;
      this.#leftOut = 0;
      if (lines > 0) onLeftOut(lines);
    });
  }

  write(line: string): void {
    this.#output.write(line);
  }

  /** What could not be written waits for the next line; there may be none. */
  #retrySoon(): void {
    this.#retry ??= setTimeout(() => {
      this.#retry = undefined;
      this.#output.flush();
    }, RETRY_MS).unref();
  }
}

/** stderr, as a descriptor whose writes do not block. */
export function stderrWithoutWaiting(): number {
  // Node makes a pipe or a socket so when it is asked for stderr, and a file never blocks.
  const { fd, isTTY } = process.stderr;
  if (!isTTY) return fd;
  try {
    // A terminal that is stopped by Ctrl-S would block: opened again, because the shell shares the one we have.
    return openSync('/dev/stderr', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd;
  }
}
