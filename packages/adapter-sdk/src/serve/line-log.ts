import { visibleJson } from '@hms-sync/proto/visible-text';
import type { AdapterLog, LogFields } from '../adapter-log.ts';

/** A log that writes each record as a line of JSON to stderr. */
export function createLineLog(): AdapterLog {
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    const record = JSON.stringify({ time: new Date().toISOString(), level, message, fields });
    process.stderr.write(`${visibleJson(record)}\n`);
  };
  return { debug: () => undefined, info: writer('info'), warn: writer('warn'), error: writer('error') };
}
