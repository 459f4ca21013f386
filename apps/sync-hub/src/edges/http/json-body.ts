import type { Json } from '../canonical-json.ts';
import { Refusal } from '../refusal.ts';
import { isJsonObject } from './http-event.ts';
import { JsonDataError, parseExactJson } from './json-data.ts';

/**
 * Reads the body of a request as a JSON object.
 *
 * @throws {Refusal} REQUEST_INVALID
 */
export function parseJsonBody(bytes: Uint8Array): { readonly [name: string]: Json } {
  const body = parse(bytes);
  if (isJsonObject(body)) return body;
  throw new Refusal(
    'REQUEST_INVALID',
    'the body must be a JSON object, such as {"type":"ProcessUpdated","payload":{}}',
  );
}

function parse(bytes: Uint8Array): Json {
  try {
    return parseExactJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonDataError)) throw error;
    throw new Refusal('REQUEST_INVALID', `the body ${error.message}`);
  }
}
