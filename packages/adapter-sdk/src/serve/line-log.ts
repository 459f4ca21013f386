import type { AdapterLog, LogFields } from '../adapter-log.ts';

/** The most unread lines; further records are dropped. */
const WAITING_MAX_BYTES = 1024 * 1024;

/** A log that writes each record as one line of JSON to stderr. A full disk, or a pipe that nobody reads, does not block it. */
export function createLineLog(): AdapterLog {
  let leftOut = 0;
  if (!process.stderr.listeners('error').includes(ignore)) process.stderr.on('error', ignore);
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    if (process.stderr.writableLength > WAITING_MAX_BYTES) {
      leftOut += 1;
      return;
    }
    const record = { time: new Date().toISOString(), level, message, fields, ...(leftOut > 0 && { leftOut }) };
    leftOut = 0;
    process.stderr.write(`${JSON.stringify(record)}\n`);
  };
  return { debug: () => undefined, info: writer('info'), warn: writer('warn'), error: writer('error') };
}

function ignore(): void {}
