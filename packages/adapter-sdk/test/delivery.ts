import type { AdapterLog, LogFields } from '../src/adapter-log.ts';
import type { DeliveryAttempt } from '../src/delivery.ts';
import type { EventFields } from '../src/event.ts';

/** The event of the telehealth story, with whatever a test wants otherwise. */
export function eventFields(changes: Partial<EventFields> = {}): EventFields {
  return {
    id: 'event-1',
    source: 'hms-api',
    type: 'ProcessUpdated',
    key: 'process-7',
    time: new Date('2026-11-23T10:00:00Z'),
    data: Buffer.from('{"processId":"process-7","patient":"Ada Byron"}'),
    dataContentType: 'application/json',
    attributes: {},
    ...changes,
  };
}

/** The first attempt to deliver it. */
export function attemptOf(changes: Partial<DeliveryAttempt> = {}): DeliveryAttempt {
  const event = changes.event ?? eventFields();
  return {
    event,
    idempotencyKey: `${event.id}/billing`,
    attempt: 1,
    redelivered: false,
    timeoutMs: 10_000,
    ...changes,
  };
}

/** A log that keeps its records. */
export function recordingLog() {
  const records: { level: keyof AdapterLog; message: string; fields: LogFields | undefined }[] = [];
  const writer = (level: keyof AdapterLog) => (message: string, fields?: LogFields) => {
    records.push({ level, message, fields });
  };
  const log: AdapterLog = {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
  };
  return { log, records };
}
