import type { Json } from '@hms-sync/proto/json';
import type { CloudEvent } from './cloud-event.ts';
import {
  type CloudEventData,
  dataFromBytes,
  dataFromJson,
  isDataName,
  NO_DATA,
  wrongData,
} from './cloud-event-data.ts';
import { parseJsonBody } from './json-body.ts';

/**
 * Reads a CloudEvent in the JSON event format: attributes and data in one object. Null is as good as absent.
 *
 * @throws {Refusal} REQUEST_INVALID when it is no JSON object, EVENT_INVALID when its data does not fit its type or has
 * another name
 */
export function readStructuredCloudEvent(bytes: Uint8Array): CloudEvent {
  const { members, sourceOf } = parseJsonBody(bytes);
  const { data, data_base64: base64, ...others } = members;
  const misnamed = Object.keys(others).find((name) => isDataName(name.toLowerCase()) && others[name] !== null);
  if (misnamed !== undefined) throw wrongData(misnamed, `must be written ${misnamed.toLowerCase()}, in small letters`);
  // The standard knows lower case alone; not all senders do.
  const attributes = Object.fromEntries(Object.entries(others).map(([name, value]) => [name.toLowerCase(), value]));
  const { datacontenttype } = attributes;
  return {
    attributes,
    data: readData({
      ...{ data, base64, source: sourceOf('data') ?? '' },
      contentType: typeof datacontenttype === 'string' ? datacontenttype : '',
    }),
    nameOf: (attribute) => attribute,
    dataName: 'data',
  };
}

interface SentMembers {
  readonly data: Json | undefined;
  /** How data was written. */
  readonly source: string;
  readonly base64: Json | undefined;
  readonly contentType: string;
}

function readData({ data = null, source, base64 = null, contentType }: SentMembers): CloudEventData {
  if (base64 === null)
    return data === null ? NO_DATA : dataFromJson({ value: data, source, contentType, name: 'data' });
  if (data !== null) throw wrongData('data_base64', 'must not be there beside data');
  return dataFromBytes({ value: decodeBase64(base64), contentType, name: 'data_base64' });
}

/** Node passes over what is no base64; the sender would rather know. */
function decodeBase64(text: Json): Uint8Array {
  const isBase64 = typeof text === 'string' && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  if (!isBase64) throw wrongData('data_base64', 'must be base64 with its padding');
  return new Uint8Array(Buffer.from(text, 'base64'));
}
