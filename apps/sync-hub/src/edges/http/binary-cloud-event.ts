import type { IncomingHttpHeaders } from 'node:http';
import { Refusal } from '../refusal.ts';
import type { CloudEvent } from './cloud-event.ts';
import { dataFromBytes, isDataName, NO_DATA, wrongData } from './cloud-event-data.ts';
import { headerText } from './header-text.ts';

const PREFIX = 'ce-';
/** What a body without a media type is, by RFC 9110. */
const UNKNOWN_TYPE = 'application/octet-stream';

/** True when the headers are those of a CloudEvent in binary mode. */
export function isBinaryCloudEvent(headers: IncomingHttpHeaders): boolean {
  return ['ce-specversion', 'ce-id', 'ce-type', 'ce-source'].some((name) => headers[name] !== undefined);
}

/**
 * Reads a CloudEvent whose attributes are `ce-` headers and whose data is the body, of any media type.
 *
 * @throws {Refusal} EVENT_INVALID when a header cannot be decoded or names the data, or the body should be JSON and is not
 */
export function readBinaryCloudEvent(headers: IncomingHttpHeaders, body: Uint8Array): CloudEvent {
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, value]) => [name.slice(PREFIX.length), decode(name, String(value))] as const);
  const [misnamed] = attributes.find(([name]) => isDataName(name)) ?? [];
  if (misnamed !== undefined) throw wrongData(`${PREFIX}${misnamed}`, 'is no attribute: the data is the body');
  const contentType = headers['content-type'] || (body.byteLength === 0 ? '' : UNKNOWN_TYPE);
  return {
    attributes: { ...Object.fromEntries(attributes), datacontenttype: contentType },
    data: body.byteLength === 0 ? NO_DATA : dataFromBytes({ value: body, contentType, name: 'body' }),
    nameOf: (attribute) => (attribute === 'datacontenttype' ? 'content-type' : `${PREFIX}${attribute}`),
    dataName: 'body',
  };
}

function decode(header: string, value: string): string {
  const text = headerText(value);
  if (text !== undefined) return text;
  const description = 'must be UTF-8 with percent-encoding; write a percent sign as %25 and a quote as %22';
  throw new Refusal('EVENT_INVALID', `${header} ${description}`, { fields: [{ field: header, description }] });
}
