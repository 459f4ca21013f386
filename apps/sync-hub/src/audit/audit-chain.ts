import { createHash, createHmac, sign, timingSafeEqual, verify } from 'node:crypto';
import { visibleJson } from '@hms-sync/proto/visible-text';
import type { AuditKeys } from './audit-keys.ts';
import type { AuditEntry } from './audit-record.ts';

/**
 * How the lines of an audit log hold together. A line is a JSON object that ends with `prev`, the SHA-256 of the line
 * before it, and `mac`, the HMAC-SHA-256 of the line up to there. A checkpoint also signs its `prev`, and with it all that
 * came before.
 */

/** The last line of a log, or of a part of it. */
export interface ChainEnd {
  /** 0 before the first line. */
  readonly seq: number;
  /** SHA-256 of the line without its line feed, in hexadecimal; 64 zeros before the first line. */
  readonly hash: string;
}

export const CHAIN_START: ChainEnd = { seq: 0, hash: '0'.repeat(64) };

/** What the chain says of a line. */
export interface ChainedLine {
  readonly seq: number;
  readonly time: string;
  readonly event: string;
  readonly prev: string;
  readonly mac: string;
  /** What `mac` is made of. */
  readonly text: string;
  /** All fields. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** The line of an entry that follows the end of a log, without its line feed. */
export function seal(
  entry: AuditEntry,
  timeMs: number,
  { hub, end, keys }: { readonly hub: string; readonly end: ChainEnd; readonly keys: AuditKeys },
): string {
  const seq = end.seq + 1;
  const record = { seq, time: new Date(timeMs).toISOString(), hub, ...entry, prev: end.hash };
  const text = visibleJson(JSON.stringify(record)).slice(0, -1);
  return `${text},"mac":"${macOf(keys, text)}"}`;
}

export function endOf(seq: number, line: string | Buffer): ChainEnd {
  return { seq, hash: createHash('sha256').update(line).digest('hex') };
}

const LINE = /^(\{"seq":\d{1,15},"time":".*"prev":"[0-9a-f]{64}"),"mac":"([0-9a-f]{64})"\}$/s;

/** Undefined for what is no line of an audit log. */
export function readLine(line: Buffer): ChainedLine | undefined {
  const [whole, text, mac] = LINE.exec(line.toString()) ?? [];
  // A byte that is not UTF-8 is read as another character.
  if (text === undefined || mac === undefined || !Buffer.from(whole ?? '').equals(line)) return undefined;
  try {
    const fields = JSON.parse(`${text}}`) as Record<string, unknown>;
    const { seq, time, event, prev } = fields;
    return { seq: Number(seq), time: String(time), event: String(event), prev: String(prev), mac, text, fields };
  } catch {
    return undefined;
  }
}

/** Whether a line is as a hub with these keys wrote it. */
export function isSealed(keys: Pick<AuditKeys, 'mac'>, { text, mac }: ChainedLine): boolean {
  return timingSafeEqual(Buffer.from(macOf(keys, text), 'hex'), Buffer.from(mac, 'hex'));
}

/** Signs all up to an end, in base64. */
export function signEnd({ signing }: AuditKeys, end: ChainEnd): string {
  return sign(null, signedText(end), signing).toString('base64');
}

export function isSigned({ verifying }: Pick<AuditKeys, 'verifying'>, end: ChainEnd, signature: string): boolean {
  return verify(null, signedText(end), verifying, Buffer.from(signature, 'base64'));
}

/** What a checkpoint signs; docs/audit.md has it, for other tools. */
function signedText({ seq, hash }: ChainEnd): Buffer {
  return Buffer.from(`hms-sync-audit ${seq} ${hash}`);
}

/** A checkpoint as the hub's log has it, to be kept elsewhere: "<seq>:<hash>:<signature>". */
export function checkpointText({ seq, hash }: ChainEnd, signature: string): string {
  return `${seq}:${hash}:${signature}`;
}

/** Undefined for a text that is no checkpoint, or none of these keys. */
export function readCheckpoint(keys: Pick<AuditKeys, 'verifying'>, text: string): ChainEnd | undefined {
  const [, seq, hash, signature] = /^(\d{1,15}):([0-9a-f]{64}):([\w+/]{86}==)$/.exec(text.trim()) ?? [];
  if (seq === undefined || hash === undefined || signature === undefined) return undefined;
  const end = { seq: Number(seq), hash };
  return isSigned(keys, end, signature) ? end : undefined;
}

function macOf({ mac }: Pick<AuditKeys, 'mac'>, text: string): string {
  return createHmac('sha256', mac).update(text).digest('hex');
}

/** The end of a log as the file beside it keeps it: always of one length, so that it is replaced in place. */
export function headText(keys: Pick<AuditKeys, 'mac'>, { seq, hash }: ChainEnd): string {
  const text = `${String(seq).padStart(15, '0')} ${hash}`;
  return `${text} ${macOf(keys, text)}\n`;
}

/** Undefined for what is not the head of a log with these keys. */
export function readHead(keys: Pick<AuditKeys, 'mac'>, text: string): ChainEnd | undefined {
  const [, seq, hash] = /^(\d{15}) ([0-9a-f]{64}) [0-9a-f]{64}\n$/.exec(text) ?? [];
  if (seq === undefined || hash === undefined) return undefined;
  const end = { seq: Number(seq), hash };
  return headText(keys, end) === text ? end : undefined;
}
