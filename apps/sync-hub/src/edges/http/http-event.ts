import { fromJson } from '@bufbuild/protobuf';
import { type Timestamp, TimestampSchema } from '@bufbuild/protobuf/wkt';
import {
  isJsonObject,
  isNumber,
  type Json,
  type JsonDocument,
  JsonError,
  numberText,
  readJson,
} from '@hms-sync/proto/json';
import { z } from 'zod';
import type { PublishedEvent } from '../publishing/event-message.ts';
import {
  invalidField,
  invalidFields,
  REQUEST_NESTING_MAX,
  RequestError,
  unreadable,
  VALUES_MAX,
} from '../request-error.ts';

/** An event that came by HTTP. */
export interface HttpEvent {
  readonly event: PublishedEvent;
  /** What the sender calls the event's fields, by their paths in the contract: "event.data" may be "payload". */
  readonly names: Readonly<Record<string, string>>;
}

export type Payload = PublishedEvent['payload'];

const utf8 = new TextEncoder();

export const NO_PAYLOAD: Payload = { case: undefined };

/** JSON as it was written, as an event's payload: what is read and written again loses digits. */
export function writtenPayload(source: string): Payload {
  return { case: 'data', value: utf8.encode(source) };
}

/** A request's body: a JSON object, and how its members were written. */
export interface JsonBody extends Pick<JsonDocument, 'sourceOf'> {
  readonly members: { readonly [name: string]: Json };
}

/**
 * Reads the body of a request as a JSON object.
 *
 * @throws {RequestError} REQUEST_INVALID, REQUEST_TOO_LARGE, or EVENT_INVALID for a payload that is nested too deep
 */
export function readJsonBody(bytes: Uint8Array): JsonBody {
  try {
    const { value, sourceOf } = readJson(bytes, { valuesMax: VALUES_MAX, nestingMax: REQUEST_NESTING_MAX });
    if (isJsonObject(value)) return { members: value, sourceOf };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { code, message, path } = error;
    // The member of the body: what lies below it is payload.
    throw unreadable({ code, message, path: path.split('.', 1)[0] ?? '' }, 'the body');
  }
  throw new RequestError(
    'REQUEST_INVALID',
    'the body must be a JSON object, such as {"type":"ProcessUpdated","payload":{}}',
  );
}

const TEXT = 'must be a string of whole Unicode characters';
const TIME = 'must be a time as RFC 3339 writes it, such as 2026-11-23T09:30:00Z';
const TEXTS = 'must be an object whose values are strings of whole Unicode characters';
const rfc3339 = z.iso.datetime({ offset: true });

/** A text; empty when absent or null. Half a surrogate pair would be another text once it was on disk. */
export const text = z
  .string(TEXT)
  .refine((value) => value.isWellFormed(), TEXT)
  .nullish()
  .transform((value) => value ?? '');

/** A text that must not be empty. */
export const requiredText = text.refine((value) => value !== '', 'is required');

/** A number by its value or a truth value, as a text; or a text. */
export const scalar = z.preprocess((value) => {
  if (isNumber(value as Json)) return numberText(value as number);
  return typeof value === 'boolean' ? String(value) : value;
}, text);

/** A time; undefined when absent or null. */
export const time = text.transform((value, context): Timestamp | undefined => {
  if (value === '') return undefined;
  try {
    // It knows which days there are; protobuf takes the 30th of February for the 2nd of March.
    if (rfc3339.safeParse(value).success) return fromJson(TimestampSchema, value);
  } catch {
    // Such as a year that no Timestamp holds.
  }
  context.addIssue(TIME);
  return z.NEVER;
});

/** An object of texts; empty when absent or null. */
export const texts = z
  .custom<Record<string, string>>(
    (value) => isJsonObject(value as Json) && Object.values(value as object).every(isText),
    TEXTS,
  )
  .nullish()
  .transform((value) => value ?? {});

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.isWellFormed();
}

/**
 * Reads the fields of an event, and reports all that is wrong with them at once.
 *
 * @param nameOf what the sender calls a field
 * @throws {RequestError} EVENT_INVALID
 */
export function readFields<Schema extends z.ZodType>(
  schema: Schema,
  fields: unknown,
  nameOf: (field: string) => string = (field) => field,
): z.output<Schema> {
  const read = schema.safeParse(fields);
  if (read.success) return read.data;
  const problem = ({ path, message }: z.core.$ZodIssue) => ({
    field: nameOf(String(path.at(-1))),
    description: message,
  });
  throw invalidFields(read.error.issues.map(problem), 'EVENT_INVALID');
}

/** @param field what the sender calls it */
export function wrongEvent(field: string, description: string): RequestError {
  return invalidField(field, description, 'EVENT_INVALID');
}

/** Where HMS-API's messages name the thing that changed, the likeliest first. */
export const DEFAULT_KEY_FIELDS: readonly string[] = ['processId', 'policyId', 'id'];

/** An event's key, and the field that it was found in. */
export interface FoundKey {
  readonly key: string;
  readonly field: string;
}

/** The first of the fields of a payload that holds a text or a number; undefined when none does. */
export function keyOfPayload(payload: Json | undefined, keyFields: readonly string[]): FoundKey | undefined {
  if (!isJsonObject(payload)) return undefined;
  for (const field of keyFields) {
    const value = Object.hasOwn(payload, field) ? payload[field] : undefined;
    if (isNumber(value)) return { key: numberText(value), field };
    // Half a surrogate pair becomes on disk what it becomes here.
    if (typeof value === 'string' && value !== '') return { key: value.toWellFormed(), field };
  }
  return undefined;
}
