import { isJsonObject, type Json, type JsonDocument, JsonError, readJson } from '@hms-sync/proto/json';
import { Refusal } from '../refusal.ts';
import { REQUEST_NESTING_MAX, unreadable, VALUES_MAX } from '../unreadable-request.ts';

/** A request's body: a JSON object, and how its members were written. */
export interface JsonBody extends Pick<JsonDocument, 'sourceOf'> {
  readonly members: { readonly [name: string]: Json };
}

/**
 * Reads the body of a request as a JSON object.
 *
 * @throws {Refusal} REQUEST_INVALID, REQUEST_TOO_LARGE, or EVENT_INVALID for a payload that is nested too deep
 */
export function parseJsonBody(bytes: Uint8Array): JsonBody {
  const { value, sourceOf } = read(bytes);
  if (isJsonObject(value)) return { members: value, sourceOf };
  throw new Refusal(
    'REQUEST_INVALID',
    'the body must be a JSON object, such as {"type":"ProcessUpdated","payload":{}}',
  );
}

function read(bytes: Uint8Array): JsonDocument {
  try {
    return readJson(bytes, { valuesMax: VALUES_MAX, nestingMax: REQUEST_NESTING_MAX });
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const { code, message, path } = error;
    // The member of the body: what lies below it is payload.
    throw unreadable({ code, message, path: path.split('.', 1)[0] ?? '' }, 'the body');
  }
}
