import type { AdapterLog, LogFields } from '../adapter-log.ts';
import type { Redact } from '../outcome.ts';
import { nameOf, outcomeOf } from '../outcome-of.ts';

/** Bounds of a log record, which is one line. */
const DEPTH_MAX = 5;
const MEMBERS_MAX = 64;
const TEXT_MAX_CHARACTERS = 4096;

/**
 * The log that an adapter gets: it redacts secrets, and replaces bytes with their number and errors with code and message
 * ({@link outcomeOf}). Logging never throws.
 */
export function createAdapterLog(log: AdapterLog, redact: Redact): AdapterLog {
  const writer =
    (level: keyof AdapterLog) =>
    (message: string, fields?: LogFields): void => {
      const text = plainText(typeof message === 'string' ? message : nameOf(message), redact);
      log[level](text, fields && plainFields(fields, redact));
    };
  return { debug: writer('debug'), info: writer('info'), warn: writer('warn'), error: writer('error') };
}

function plainFields(fields: LogFields, redact: Redact): LogFields {
  try {
    const plain = plainValue(fields, redact, 0);
    return typeof plain === 'object' && plain !== null ? { ...plain } : { value: plain };
  } catch {
    // A getter or proxy that throws: the message is logged without fields.
    return { fields: 'unreadable' };
  }
}

function plainValue(value: unknown, redact: Redact, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return plainText(value, redact);
    case 'bigint':
      return String(value);
    case 'symbol':
    case 'function':
      return `[${typeof value}]`;
    case 'object':
      return value === null ? null : plainObject(value, redact, depth);
    default:
      return value;
  }
}

function plainObject(value: object, redact: Redact, depth: number): unknown {
  if (value instanceof Error) return outcomeOf(value, redact);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString();
  if (depth === DEPTH_MAX) return '[deeper]';
  if (Array.isArray(value)) return value.slice(0, MEMBERS_MAX).map((member) => plainValue(member, redact, depth + 1));
  const members = Object.entries(value).slice(0, MEMBERS_MAX);
  return Object.fromEntries(members.map(([name, member]) => [redact(name), plainValue(member, redact, depth + 1)]));
}

function plainText(text: string, redact: Redact): string {
  return redact(text).slice(0, TEXT_MAX_CHARACTERS);
}
