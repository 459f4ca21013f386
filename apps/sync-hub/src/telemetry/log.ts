import type { AdapterLog } from '@hms-sync/adapter-sdk/host';
import { visibleJson } from '@hms-sync/proto/visible-text';
import { type DestinationStream, type Logger, pino } from 'pino';

/** The hub's log: JSON lines on stderr. No record holds a payload or a secret. */
export type Log = Logger;

export function createLog(level: string, destination?: DestinationStream): Log {
  // Synchronous, so that the last words before an exit are not lost; the hub logs changes, never single deliveries.
  const stream = destination ?? pino.destination({ fd: 2, sync: true });
  // What publishers, adapters and their systems wrote is read in terminals.
  const hooks = { streamWrite: visibleJson };
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime, hooks }, stream);
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
