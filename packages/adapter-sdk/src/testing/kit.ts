import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { StandInAnswer } from './exchange.ts';
import { hasPlaceholder, unknownPlaceholders } from './template.ts';

/**
 * The settings of the testing kit: the content of `verify.json` next to package.json. It is JSON, so that adapters in other
 * languages can use it. Texts in `config`, `badConfigs` and `events` may contain `{{url}}`, `{{secret}}`, `{{payload}}`,
 * `{{key}}` and `{{id}}`.
 */
export interface Kit {
  /**
   * A configuration for the stand-in at `{{url}}`, with `{{secret}}` in every secret field. Absent: the adapter has no
   * configuration. An OAuth token endpoint may be any path below `{{url}}`.
   */
  readonly config?: unknown;
  /** Configurations that must be rejected, in addition to those that the kit derives from the schema. */
  readonly badConfigs?: readonly BadConfig[];
  /** Events that the system accepts. Absent: a `ProcessUpdated` with `{{key}}` and `{{payload}}`. */
  readonly events?: readonly SampleEvent[];
  /** The response of a stand-in without faults. Absent: 200 with `{"status":"ok"}`. */
  readonly answer?: StandInAnswer;
  /**
   * Where the system reads the idempotency key: `header:<name>`, or `body:<JSON pointer>`. Absent: the header
   * `idempotency-key`. PUT and DELETE need none.
   */
  readonly idempotency?: string;
  /** Requests that change nothing, in addition to GET, HEAD and other safe methods, and their responses. */
  readonly reads?: readonly ReadRequest[];
}

/** Requests that change nothing. */
export interface ReadRequest {
  /** The method and the beginning of the path: `POST /search`. */
  readonly request: string;
  /** A text in the body, when reads and writes have the same URL: `"query Patient`. Absent: any body. */
  readonly holding?: string;
  /** Absent: {@link Kit.answer}. */
  readonly answer?: StandInAnswer;
}

/** A configuration that must be rejected. */
export interface BadConfig {
  /** The path that a diagnostic must name. */
  readonly path: string;
  readonly config: unknown;
}

/** An event that the system accepts. */
export interface SampleEvent {
  readonly type: string;
  /** The payload, which must contain `{{payload}}`. A text is sent unchanged, anything else as JSON. */
  readonly data: unknown;
  /** Absent: `application/json`. */
  readonly dataContentType?: string;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** The default of {@link Kit.events}. */
export const DEFAULT_EVENTS: readonly SampleEvent[] = [
  { type: 'ProcessUpdated', data: { processId: '{{key}}', patient: '{{payload}}' } },
];

const ANSWER = z.looseObject({ status: z.int('must be an HTTP status') });
const BAD_CONFIG = z.custom(
  (bad) => isRecord(bad) && typeof bad.path === 'string' && 'config' in bad,
  'must be {"path": "<the field>", "config": {...}}',
);
const EVENT = z.looseObject({
  type: z.stringFormat('event type', /./, 'must be the name of an event type'),
  data: z.custom((data) => hasPlaceholder(data, 'payload'), 'must contain {{payload}}, by which leaks are found'),
});
const READ = z.looseObject({
  request: z.stringFormat('request', /^[A-Z]+ \//, 'must be a method and the beginning of a path: "POST /search"'),
  answer: ANSWER.optional(),
});

const KIT = z.strictObject({
  $schema: z.unknown().optional(),
  config: z.unknown().optional(),
  badConfigs: z.array(BAD_CONFIG).optional(),
  events: z.array(EVENT).min(1, 'must have an event; leave it out for the default').optional(),
  answer: ANSWER.optional(),
  idempotency: z.stringFormat('key', /^(header:.|body:\/)/, 'must be header:<name> or body:/<JSON pointer>').optional(),
  reads: z.array(READ).optional(),
});

/** Reads `verify.json`. @throws Error that names the file, the path in it, and what is expected. */
export async function readKit(path: string): Promise<Kit> {
  let kit: unknown;
  try {
    kit = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = isMissing ? 'there is no such file' : cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${path}: ${why}; write {"config": {"baseUrl": "{{url}}"}}, or the configuration of your adapter`, {
      cause,
    });
  }
  assertKit(kit, path);
  return kit;
}

/** @throws Error that names the path of the first wrong field. */
export function assertKit(kit: unknown, name: string): asserts kit is Kit {
  const [issue] = KIT.safeParse(kit).error?.issues ?? [];
  if (issue?.code === 'unrecognized_keys') {
    const known = Object.keys(KIT.shape).slice(1).join(', ');
    throw new Error(`${name}: ${issue.keys[0]} is unknown; known are ${known}`);
  }
  if (issue !== undefined) throw new Error(`${name}: ${issue.path.join('.') || 'the kit'} ${whatIsWrong(issue)}`);
  const [placeholder] = unknownPlaceholders(kit);
  if (placeholder === undefined) return;
  throw new Error(`${name}: {{${placeholder}}} is unknown; known are url, secret, payload, key and id`);
}

function whatIsWrong(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type' || !['array', 'object'].includes(issue.expected)) return issue.message;
  return issue.expected === 'array' ? 'must be a list' : 'must be an object';
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
