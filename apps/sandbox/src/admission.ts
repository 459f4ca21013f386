import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { CallFacts } from './armed-fault.ts';
import type { System } from './system.ts';

/** What a call carries, as far as it could be read. */
export type CallContents = CallFacts & {
  readonly idempotencyKey: string | null;
  readonly traceparent: string | null;
  readonly signed: boolean;
};

/** Why a call is turned away before any fault has its say. */
export type Refusal = { readonly status: 400 | 401 | 404; readonly message: string };

export type Admission = { readonly contents: CallContents; readonly refusal: Refusal | null };

export type AdmissionRules = {
  readonly system: System;
  /** The bearer token that calls must carry; absent: any or none will do. */
  readonly token: string | undefined;
};

/** The path of a request, without its query. */
export const pathOf = (request: IncomingMessage): string => {
  const target = request.url ?? '/';
  const query = target.indexOf('?');
  return query === -1 ? target : target.slice(0, query);
};

const textHeader = (headers: IncomingHttpHeaders, name: string): string | null => {
  const value = headers[name];
  return typeof value === 'string' ? value : null;
};

const textField = (body: object | null, name: string): string | null => {
  const value: unknown = body === null ? null : Reflect.get(body, name);
  return typeof value === 'string' ? value : null;
};

const parseObject = (text: string): object | null => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
};

/** Reads a call and judges it in the order of a real receiver: its address, its credentials, its contents. */
export const admit = (request: IncomingMessage, text: string, { system, token }: AdmissionRules): Admission => {
  const { headers } = request;
  const body = parseObject(text);
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
};
