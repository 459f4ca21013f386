import { isJsonContentType, type Json, JsonError, readJson } from '@hms-sync/proto/json';
import { Refusal } from '../refusal.ts';
import { NO_PAYLOAD, type Payload, writtenPayload } from './http-event.ts';

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

interface WrittenData extends SentData<Json> {
  /** How the value was written. */
  readonly source: string;
}

/** Names that no attribute may have: an event would be accepted, and delivered without the data that its sender meant. */
export function isDataName(attribute: string): boolean {
  return attribute === 'data' || attribute === 'data_base64';
}

export const NO_DATA: CloudEventData = { payload: NO_PAYLOAD, json: undefined };

/**
 * Data that came as bytes and goes on as these bytes.
 *
 * @throws {Refusal} EVENT_INVALID when it should be JSON and is not: no adapter could read it
 */
export function dataFromBytes({ value, contentType, name }: SentData<Uint8Array>): CloudEventData {
  const payload: Payload = { case: 'data', value };
  if (!isJsonContentType(contentType)) return { payload, json: undefined };
  try {
    return { payload, json: readJson(value).value };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const said = contentType === '' ? 'without a content type it has to be' : 'its content type says that it is';
    throw wrongData(name, error.code === 'too_deep' ? error.message : `${error.message}; ${said}`);
  }
}

/**
 * Data that came as a member of a JSON object, and goes on as it was written there.
 *
 * @throws {Refusal} EVENT_INVALID when it is neither JSON by its content type nor a text that UTF-8 can hold
 */
export function dataFromJson({ value, source, contentType, name }: WrittenData): CloudEventData {
  if (isJsonContentType(contentType)) return { payload: writtenPayload(source), json: value };
  // Half a surrogate pair would be another text as soon as it was bytes.
  if (typeof value === 'string' && value.isWellFormed()) return { payload: writtenPayload(value), json: undefined };
  if (typeof value === 'string') throw wrongData(name, 'must be a string of whole Unicode characters');
  throw wrongData(name, 'must be a string, because its content type is not JSON');
}

export function wrongData(field: string, description: string): Refusal {
  return new Refusal('EVENT_INVALID', `${field} ${description}`, { fields: [{ field, description }] });
}
