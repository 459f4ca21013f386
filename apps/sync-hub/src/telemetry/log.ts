import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { visibleJson } from '@hms-sync/proto/visible-text';
import { type DestinationStream, type Logger, pino } from 'pino';
import { LogOutput, stderrWithoutWaiting } from './log-output.ts';

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
