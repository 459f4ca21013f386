import type { Json } from '@hms-sync/proto/json';
import type { CloudEventData } from './cloud-event-data.ts';
import { EventFields } from './event-fields.ts';
import { keyOfPayload } from './event-key.ts';
import type { HttpEvent } from './http-event.ts';

/** A CloudEvent 1.0, whichever way it was written. */
export interface CloudEvent {
  /** Context attributes and extensions by their names, in lower case. */
  readonly attributes: { readonly [name: string]: Json };
  readonly data: CloudEventData;
  /** What the sender calls an attribute, such as "ce-id". */
  readonly nameOf: (attribute: string) => string;
  /** What the sender calls the data. */
  readonly dataName: string;
}

/** Attributes that have a field of their own in the contract. All others travel as the event's attributes. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['specversion', 'id', 'source', 'type', 'time', 'datacontenttype']);

/** What may name the thing that changed, the likeliest first: the Partitioning extension is made for it. */
const KEY_ATTRIBUTES = ['partitionkey', 'subject'];

/**
 * A CloudEvent in the words of the contract. Known again by its id alone, where CloudEvents takes source and id
 * together. The key is `partitionkey`, else `subject`, else what the data says.
 *
 * @param keyFields the members of JSON data that may hold the key, the likeliest first
 * @throws {Refusal} EVENT_INVALID when an attribute is missing or of the wrong kind
 */
export function fromCloudEvent(cloudEvent: CloudEvent, keyFields: readonly string[]): HttpEvent {
  const { attributes, data, nameOf, dataName } = cloudEvent;
  const fields = new EventFields(attributes, nameOf);
  if (fields.text('specversion') !== '1.0') fields.wrong('specversion', 'must be 1.0');
  const travelling = fields.scalarsBut(OWN_FIELDS);
  const { key, name: keyName } = findKey(travelling, cloudEvent, keyFields);
  const event: HttpEvent['event'] = {
    id: fields.requiredText('id'),
    source: fields.requiredText('source'),
    type: fields.requiredText('type'),
    key,
    payload: data.payload,
    dataContentType: fields.text('datacontenttype'),
    attributes: travelling,
    ...fields.time('time'),
  };
  fields.refuseWrong();
  const names = {
    'event.id': nameOf('id'),
    'event.source': nameOf('source'),
    'event.type': nameOf('type'),
    'event.key': keyName,
    'event.time': nameOf('time'),
    'event.data': dataName,
    'event.data_content_type': nameOf('datacontenttype'),
    'event.attributes': 'extensions',
  };
  return { event, names };
}

function findKey(
  attributes: Readonly<Record<string, string>>,
  { data, nameOf, dataName }: CloudEvent,
  keyFields: readonly string[],
): { key: string; name: string } {
  const attribute = KEY_ATTRIBUTES.find((candidate) => Object.hasOwn(attributes, candidate));
  if (attribute !== undefined) return { key: attributes[attribute] ?? '', name: nameOf(attribute) };
  const found = keyOfPayload(data.json, keyFields);
  return found === undefined ? { key: '', name: dataName } : { key: found.key, name: `${dataName}.${found.field}` };
}
