import { readSync, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { AdapterLog, LogFields } from '../adapter-log.ts';

/** The pipe to the hub: one JSON document per line. */
const RECORDS_FD = 3;
/** The pipe with the secret of the launch. It closes when the hub ends for any reason. */
const LIFELINE_FD = 4;
/** 256 bits in base64url. */
const SECRET_BYTES = 43;

/** What a process reports to the hub that started it, in addition to the protocol. */
export type ProcessRecord =
  /** The socket accepts connections now. */
  | { readonly kind: 'listening' }
  /** The adapter logged something. */
  | {
      readonly kind: 'log';
      readonly level: keyof AdapterLog;
      readonly message: string;
      readonly fields?: LogFields | undefined;
    }
  /** Adapter code threw outside of an attempt, and the process ends. */
  | { readonly kind: 'uncaught'; readonly error: string; readonly at: readonly string[] };

/** Writes to the hub. Synchronous, so that the last record is not lost; a hub that reads slowly slows the adapter down. */
export function reportToHub(record: ProcessRecord): void {
  try {
    writeSync(RECORDS_FD, `${JSON.stringify(record)}\n`);
  } catch {
    // The hub is gone, and the lifeline ends this process; or adapter code closed the pipe.
  }
}

/** Twice what the hub keeps of one process. */
const RECORDS_PER_SECOND = 200;

/** The log of an adapter, which sends its records to the hub. Records over the bound are dropped and counted. */
export function createHubLog(): AdapterLog {
  let sent = 0;
  let leftOut = 0;
  let timer: NodeJS.Timeout | undefined;
  const nextSecond = () => {
    timer = undefined;
    sent = 0;
    if (leftOut === 0) return;
    const message = `the adapter logged more than ${RECORDS_PER_SECOND} records within a second`;
    reportToHub({ kind: 'log', level: 'warn', message, fields: { leftOut } });
    leftOut = 0;
  };
  process.on('exit', nextSecond);
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    if (timer === undefined) timer = setTimeout(nextSecond, 1_000).unref();
    if (sent >= RECORDS_PER_SECOND) leftOut += 1;
    else reportToHub({ kind: 'log', level, message, fields });
    sent += 1;
  };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}

/** The secret that the hub sends with each call. Not in arguments or environment, which every process of the user can read. */
export function readLaunchSecret(): string {
  const secret = Buffer.alloc(SECRET_BYTES);
  for (let read = 0; read < SECRET_BYTES; ) {
    const bytes = readSync(LIFELINE_FD, secret, read, SECRET_BYTES - read, null);
    if (bytes === 0) throw new Error('the hub that started this process is gone');
    read += bytes;
  }
  return secret.toString('latin1');
}

/** Calls back when the hub is gone. */
export function onHubGone(callback: () => void): void {
  const lifeline = new Socket({ fd: LIFELINE_FD, readable: true, writable: false });
  lifeline.on('close', callback);
  // A broken lifeline closes, too.
  lifeline.on('error', () => undefined);
  lifeline.resume();
}
