import type { Json } from '../canonical-json.ts';
import { Refusal } from '../refusal.ts';
import { jsonPayload, NO_PAYLOAD, type Payload } from './http-event.ts';
import { JsonDataError, parseJson } from './json-data.ts';
import { isJsonType } from './media-type.ts';

/** The data of a CloudEvent. */
export interface CloudEventData {
  readonly payload: Payload;
  /** What it says, when it is JSON; undefined otherwise. */
  readonly json: Json | undefined;
}

/** How data was sent. */
export interface SentData<Value> {
  readonly value: Value;
  readonly contentType: string;
  /** What the sender calls it. */
  readonly name: string;
}

const utf8 = new TextEncoder();

export const NO_DATA: CloudEventData = { payload: NO_PAYLOAD, json: undefined };

/**
 * Data that came as bytes and goes on as these bytes.
 *
 * @throws {Refusal} EVENT_INVALID when it should be JSON and is not: no adapter could read it
 */
export function dataFromBytes({ value, contentType, name }: SentData<Uint8Array>): CloudEventData {
  const payload: Payload = { case: 'data', value };
  if (!isJsonType(contentType)) return { payload, json: undefined };
  try {
    return { payload, json: parseJson(value) };
  } catch (error) {
    if (!(error instanceof JsonDataError)) throw error;
    throw wrongData(name, `${error.message}; its content type says that it is`);
  }
}

/**
 * Data that came as a member of a JSON object.
 *
 * @throws {Refusal} EVENT_INVALID when it is neither JSON by its content type nor a text
 */
export function dataFromJson({ value, contentType, name }: SentData<Json>): CloudEventData {
  if (isJsonType(contentType)) return { payload: jsonPayload(value, contentType), json: value };
  if (typeof value === 'string') return { payload: { case: 'data', value: utf8.encode(value) }, json: undefined };
  throw wrongData(name, 'must be a string, because its content type is not JSON');
}

export function wrongData(field: string, description: string): Refusal {
  return new Refusal('EVENT_INVALID', `${field} ${description}`, { fields: [{ field, description }] });
}
