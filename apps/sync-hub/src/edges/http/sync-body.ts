import { z } from 'zod';
import {
  type HttpEvent,
  keyOfPayload,
  NO_PAYLOAD,
  readFields,
  readJsonBody,
  text,
  texts,
  time,
  writtenPayload,
} from './http-event.ts';

/** What the fields of the contract are called in this form. */
const NAMES = {
  'event.id': 'id',
  'event.source': 'source',
  'event.type': 'type',
  'event.time': 'time',
  'event.data': 'payload',
  'event.attributes': 'attributes',
} as const;

const BODY = z.object({ id: text, source: text, type: text, key: text, time, attributes: texts });

/**
 * Reads `{type, payload}` with optional id, source, key, time and attributes. Other members are passed over, and null
 * is as good as absent, except the payload, which is carried as it was written.
 *
 * The key is `key` when that is there, though empty; else what the payload says.
 *
 * @param keyFields the members of a payload that may hold the key, the likeliest first
 * @throws {RequestError} REQUEST_INVALID when it is not a JSON object, EVENT_INVALID when a field is of the wrong kind
 */
export function readSyncBody(bytes: Uint8Array, keyFields: readonly string[]): HttpEvent {
  const { members, sourceOf } = readJsonBody(bytes);
  const { time: at, ...fields } = readFields(BODY, members);
  const payload = sourceOf('payload');
  const found = (members.key ?? undefined) === undefined ? keyOfPayload(members.payload, keyFields) : undefined;
  return {
    event: {
      ...fields,
      ...(found && { key: found.key }),
      ...(at && { time: at }),
      payload: payload === undefined ? NO_PAYLOAD : writtenPayload(payload),
      dataContentType: '',
    },
    names: { ...NAMES, 'event.key': found === undefined ? 'key' : `payload.${found.field}` },
  };
}
