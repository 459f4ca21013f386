import type { IncomingHttpHeaders } from 'node:http';
import type { SeenRequest } from '@hms-sync/adapter-sdk/stand-in';
import type { CallFacts } from './fault.ts';
import type { System } from './system.ts';

/** What a call carries, as far as it could be read. */
export type CallContents = CallFacts & {
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly signed: boolean;
};

/** Why a call is turned away before any fault has its say. */
export interface Refusal {
  readonly status: 400 | 401 | 404;
  readonly message: string;
}

export interface Admission {
  readonly contents: CallContents;
  readonly refusal: Refusal | null;
}

export interface AdmissionRules {
  readonly system: System;
  /** The bearer token that calls must carry; absent: any or none will do. */
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

/** Reads a call and judges it in the order of a real receiver: its address, its credentials, its contents. */
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
  const refuse = (status: Refusal['status'], message: string): Admission => ({
    contents,
    refusal: { status, message },
  });
  if (pathOf(request) !== system.path) return refuse(404, `changes are taken by POST ${system.path}`);
  if (token !== undefined && headers.authorization !== `Bearer ${token}`) {
    return refuse(401, 'the bearer token is missing or wrong');
  }
  if (body === null) return refuse(400, 'the body must be a JSON object');
  if (contents.type === null) return refuse(400, 'type: must be a string');
  return { contents, refusal: null };
}
