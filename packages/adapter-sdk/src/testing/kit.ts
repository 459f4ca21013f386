import { readFile } from 'node:fs/promises';
import type { StandInAnswer } from './exchange.ts';
import { hasPlaceholder, unknownPlaceholders } from './template.ts';

/**
 * What the author of an adapter configures for the testing kit: the content of `verify.json` beside package.json. Plain JSON, so
 * that adapters in other languages have the same file. Texts in `config`, `badConfigs` and `events` may hold
 * `{{url}}`, `{{secret}}`, `{{payload}}`, `{{key}}` and `{{id}}`.
 */
export interface Kit {
  /**
   * A configuration that works with the stand-in at `{{url}}`, with `{{secret}}` in every secret field. Absent: the
   * adapter takes none. OAuth token endpoints may be any path below `{{url}}`: the stand-in gives out tokens.
   */
  readonly config?: unknown;
  /** Configurations that must be refused, and the path that must be named. The required fields are tried anyway. */
  readonly badConfigs?: readonly BadConfig[];
  /** Events that the system takes. Absent: a `ProcessUpdated` with `{{key}}` and `{{payload}}`. */
  readonly events?: readonly SampleEvent[];
  /** What the stand-in answers when all is well. Absent: 200 with `{"status":"ok"}`. */
  readonly answer?: StandInAnswer;
  /**
   * Where the system reads the idempotency key: `header:<name>`, or `body:<JSON pointer>`. Absent: the header
   * `idempotency-key`. PUT and DELETE need none: their address is what they change.
   */
  readonly idempotency?: string;
  /** Requests that ask and change nothing, beside those by GET, HEAD and the like, and what is answered to them. */
  readonly reads?: readonly ReadRequest[];
}

/** Requests that change nothing. */
export interface ReadRequest {
  /** The method and the beginning of the path: `POST /search`. */
  readonly request: string;
  /** A text that the body holds, where reads and writes have one address: `"query Patient`. Absent: any. */
  readonly holding?: string;
  /** Absent: {@link Kit.answer}. */
  readonly answer?: StandInAnswer;
}

/** A configuration that must be refused. */
export interface BadConfig {
  /** The path that a diagnostic must name. */
  readonly path: string;
  readonly config: unknown;
}

/** An event that the system takes. */
export interface SampleEvent {
  readonly type: string;
  /** The payload: it must hold `{{payload}}`. A text is sent as it is, anything else as JSON. */
  readonly data: unknown;
  /** Absent: `application/json`. */
  readonly dataContentType?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** The events of a kit that names none. */
export const DEFAULT_EVENTS: readonly SampleEvent[] = [
  { type: 'ProcessUpdated', data: { processId: '{{key}}', patient: '{{payload}}' } },
];

const PARTS = ['$schema', 'config', 'badConfigs', 'events', 'answer', 'idempotency', 'reads'];

/** Reads `verify.json`. @throws Error that names the file, the path in it, and what would be right. */
export async function readKit(path: string): Promise<Kit> {
  let kit: unknown;
  try {
    kit = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = isMissing ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path}: ${why}; write {"config": {"baseUrl": "{{url}}"}}, or what your adapter takes`, { cause });
  }
  assertKit(kit, path);
  return kit;
}

/** @throws Error that names the path of the first part that is wrong. */
export function assertKit(kit: unknown, name: string): asserts kit is Kit {
  const refuse = (at: string, how: string): never => {
    throw new Error(`${name}: ${at} ${how}`);
  };
  if (!isRecord(kit)) return refuse('the kit', 'must be an object');
  for (const part of Object.keys(kit)) {
    if (!PARTS.includes(part)) refuse(part, `is unknown; there are ${PARTS.slice(1).join(', ')}`);
  }
  for (const placeholder of unknownPlaceholders(kit)) {
    refuse(`{{${placeholder}}}`, 'is unknown; there are url, secret, payload, key and id');
  }
  for (const [index, bad] of listOf(kit.badConfigs, 'badConfigs', refuse).entries()) {
    if (!isRecord(bad) || typeof bad.path !== 'string' || !('config' in bad)) {
      refuse(`badConfigs.${index}`, 'must be {"path": "<the field>", "config": {...}}');
    }
  }
  const events = listOf(kit.events, 'events', refuse);
  if (kit.events !== undefined && events.length === 0)
    refuse('events', 'must hold an event; leave it out for a default');
  for (const [index, event] of events.entries()) {
    if (!isRecord(event) || typeof event.type !== 'string' || event.type === '') {
      refuse(`events.${index}.type`, 'must be the name of an event type');
    } else if (!hasPlaceholder(event.data, 'payload')) {
      refuse(`events.${index}.data`, 'must hold {{payload}} somewhere: a leak is recognised by it');
    }
  }
  assertAnswer(kit.answer, 'answer', refuse);
  for (const [index, read] of listOf(kit.reads, 'reads', refuse).entries()) {
    if (!isRecord(read) || typeof read.request !== 'string' || !/^[A-Z]+ \//.test(read.request)) {
      refuse(`reads.${index}.request`, 'must be a method and the beginning of a path, such as "POST /search"');
    } else {
      assertAnswer(read.answer, `reads.${index}.answer`, refuse);
    }
  }
  if (kit.idempotency !== undefined && !/^(header:.|body:\/)/.test(String(kit.idempotency))) {
    refuse('idempotency', 'must be header:<name> or body:/<JSON pointer>');
  }
}

function assertAnswer(answer: unknown, at: string, refuse: (at: string, how: string) => never): void {
  if (answer === undefined || (isRecord(answer) && typeof answer.status === 'number')) return;
  refuse(`${at}.status`, 'must be an HTTP status');
}

function listOf(value: unknown, at: string, refuse: (at: string, how: string) => never): readonly unknown[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : refuse(at, 'must be a list');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
