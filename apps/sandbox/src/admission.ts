import type { IncomingHttpHeaders } from 'node:http';
import type { SeenRequest } from '@hms-sync/adapter-sdk/stand-in';
import type { CallFacts } from './fault.ts';
import type { System } from './system.ts';

/** The fields and headers of a call; null where it has none. */
export type CallContents = CallFacts & {
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly signed: boolean;
};

/** Why a call is rejected, before any fault applies. */
export interface Rejection {
  readonly status: 400 | 401 | 404;
  readonly message: string;
}

export interface Admission {
  readonly contents: CallContents;
  readonly rejection: Rejection | null;
}

export interface AdmissionRules {
  readonly system: System;
  /** The bearer token that calls must have; absent: no credential is required. */
  readonly token: string | undefined;
}

/** The path of a request, without its query. */
export function pathOf({ path }: SeenRequest): string {
  return path.split('?', 1)[0] ?? path;
}

function textHeader(headers: IncomingHttpHeaders, name: string): string | null {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
}

function textField(body: object | null, name: string): string | null {
  const value: unknown = body === null ? null : Reflect.get(body, name);
  return typeof value === 'string' ? value : null;
}

function parseObject(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Reads a call and checks it in the order of a real receiver: its path, its credential, its body. */
export function admit(request: SeenRequest, { system, token }: AdmissionRules): Admission {
  const { headers } = request;
  const body = parseObject(request.body);
  const contents: CallContents = {
    key: textField(body, 'key'),
    eventId: textField(body, 'id'),
    type: textField(body, 'type'),
    idempotencyKey: textHeader(headers, 'idempotency-key'),
    traceparent: textHeader(headers, 'traceparent'),
    signed: headers['webhook-signature'] !== undefined,
  };
  const reject = (status: Rejection['status'], message: string): Admission => ({
    contents,
    rejection: { status, message },
  });
  if (pathOf(request) !== system.path) return reject(404, `send changes with POST ${system.path}`);
  if (token !== undefined && headers.authorization !== `Bearer ${token}`) {
    return reject(401, 'the bearer token is missing or wrong');
  }
  if (body === null) return reject(400, 'the body must be a JSON object');
  if (contents.type === null) return reject(400, 'type: must be a string');
  return { contents, rejection: null };
}
