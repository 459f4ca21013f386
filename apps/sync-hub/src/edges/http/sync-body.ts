import { EventFields } from './event-fields.ts';
import { keyOfPayload } from './event-key.ts';
import { type HttpEvent, NO_PAYLOAD, writtenPayload } from './http-event.ts';
import { parseJsonBody } from './json-body.ts';

/** What the fields of the contract are called in this form. */
const NAMES = {
  'event.id': 'id',
  'event.source': 'source',
  'event.type': 'type',
  'event.time': 'time',
  'event.data': 'payload',
  'event.attributes': 'attributes',
} as const;

/**
 * Reads `{type, payload}` with optional id, source, key, time and attributes. Other members are passed over, and null
 * is as good as absent, but for the payload, which is carried as it was written.
 *
 * The key is `key` when that is there, though empty; else what the payload says.
 *
 * @param keyFields the members of a payload that may hold the key, the likeliest first
 * @throws {Refusal} REQUEST_INVALID when it is no JSON object, EVENT_INVALID when a field is of the wrong kind
 */
export function readSyncBody(bytes: Uint8Array, keyFields: readonly string[]): HttpEvent {
  const { members, sourceOf } = parseJsonBody(bytes);
  const fields = new EventFields(members);
  const payload = sourceOf('payload');
  const found = fields.value('key') === undefined ? keyOfPayload(members.payload, keyFields) : undefined;
  const event: HttpEvent['event'] = {
    id: fields.text('id'),
    source: fields.text('source'),
    type: fields.text('type'),
    key: found?.key ?? fields.text('key'),
    payload: payload === undefined ? NO_PAYLOAD : writtenPayload(payload),
    dataContentType: '',
    attributes: fields.texts('attributes'),
    ...fields.time('time'),
  };
  fields.refuseWrong();
  return { event, names: { ...NAMES, 'event.key': found === undefined ? 'key' : `payload.${found.field}` } };
}
