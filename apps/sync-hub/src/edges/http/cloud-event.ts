import type { IncomingHttpHeaders } from 'node:http';
import { isJsonContentType, type Json, JsonError, readJson } from '@hms-sync/proto/json';
import { z } from 'zod';
import {
  type HttpEvent,
  keyOfPayload,
  NO_PAYLOAD,
  type Payload,
  readFields,
  readJsonBody,
  requiredText,
  scalar,
  text,
  time,
  writtenPayload,
  wrongEvent,
} from './http-event.ts';

/** A CloudEvent 1.0, whichever way it was written. */
interface CloudEvent {
  /** Context attributes and extensions by their names, in lower case. */
  readonly attributes: { readonly [name: string]: Json };
  readonly data: CloudEventData;
  /** What the sender calls an attribute, such as "ce-id". */
  readonly nameOf: (attribute: string) => string;
  /** What the sender calls the data. */
  readonly dataName: string;
}

interface CloudEventData {
  readonly payload: Payload;
  /** What it says, when it is JSON; undefined otherwise. */
  readonly json: Json | undefined;
}

const NO_DATA: CloudEventData = { payload: NO_PAYLOAD, json: undefined };

/** Attributes that have a field of their own in the contract. All others travel as the event's attributes. */
const OWN_FIELDS = z.object({
  specversion: text.refine((version) => version === '1.0', 'must be 1.0'),
  id: requiredText,
  source: requiredText,
  type: requiredText,
  datacontenttype: text,
  time,
});
const ATTRIBUTES = z.object({ own: OWN_FIELDS, extensions: z.map(z.string(), scalar) });

/** What may name the thing that changed, the likeliest first: the Partitioning extension is made for it. */
const KEY_ATTRIBUTES = ['partitionkey', 'subject'];

/**
 * A CloudEvent in the words of the contract. Known again by its id alone, where CloudEvents takes source and id
 * together. The key is `partitionkey`, else `subject`, else what the data says.
 *
 * @param keyFields the members of JSON data that may hold the key, the likeliest first
 */
function toHttpEvent({ attributes, data, nameOf, dataName }: CloudEvent, keyFields: readonly string[]): HttpEvent {
  const present = Object.entries(attributes).filter(([, value]) => value !== null);
  const others = present.filter(([name]) => !Object.hasOwn(OWN_FIELDS.shape, name));
  const { own, extensions } = readFields(ATTRIBUTES, { own: attributes, extensions: new Map(others) }, nameOf);
  const keyAttribute = KEY_ATTRIBUTES.find((name) => extensions.has(name));
  const found = keyAttribute === undefined ? keyOfPayload(data.json, keyFields) : undefined;
  const keyName = found === undefined ? dataName : `${dataName}.${found.field}`;
  return {
    event: {
      id: own.id,
      source: own.source,
      type: own.type,
      key: (keyAttribute === undefined ? found?.key : extensions.get(keyAttribute)) ?? '',
      payload: data.payload,
      dataContentType: own.datacontenttype,
      attributes: Object.fromEntries(extensions),
      ...(own.time && { time: own.time }),
    },
    names: {
      'event.id': nameOf('id'),
      'event.source': nameOf('source'),
      'event.type': nameOf('type'),
      'event.key': keyAttribute === undefined ? keyName : nameOf(keyAttribute),
      'event.time': nameOf('time'),
      'event.data': dataName,
      'event.data_content_type': nameOf('datacontenttype'),
      'event.attributes': 'extensions',
    },
  };
}

/**
 * Reads a CloudEvent in the JSON event format: attributes and data in one object. Null is as good as absent.
 *
 * @throws {RequestError} REQUEST_INVALID when it is not a JSON object, EVENT_INVALID when an attribute is missing or of the
 *   wrong kind, or its data does not fit its type or has another name
 */
export function readStructuredCloudEvent(bytes: Uint8Array, keyFields: readonly string[]): HttpEvent {
  const { members, sourceOf } = readJsonBody(bytes);
  const { data, data_base64: base64, ...others } = members;
  const misnamed = Object.keys(others).find((name) => isDataName(name.toLowerCase()) && others[name] !== null);
  if (misnamed !== undefined) throw wrongEvent(misnamed, `must be written ${misnamed.toLowerCase()}, in small letters`);
  // The standard knows lower case alone; not all senders do.
  const attributes = Object.fromEntries(Object.entries(others).map(([name, value]) => [name.toLowerCase(), value]));
  const { datacontenttype } = attributes;
  const contentType = typeof datacontenttype === 'string' ? datacontenttype : '';
  const read = memberData({ data, base64, source: sourceOf('data') ?? '', contentType });
  return toHttpEvent({ attributes, data: read, nameOf: (attribute) => attribute, dataName: 'data' }, keyFields);
}

interface DataMembers {
  readonly data: Json | undefined;
  /** How data was written. */
  readonly source: string;
  readonly base64: Json | undefined;
  readonly contentType: string;
}

/** Data that came as a member of a JSON object, and goes on as it was written there; or as base64. */
function memberData({ data = null, source, base64 = null, contentType }: DataMembers): CloudEventData {
  if (base64 !== null) {
    if (data !== null) throw wrongEvent('data_base64', 'must not be there beside data');
    return bytesData(decodeBase64(base64), contentType, 'data_base64');
  }
  if (data === null) return NO_DATA;
  if (isJsonContentType(contentType)) return { payload: writtenPayload(source), json: data };
  if (typeof data !== 'string') throw wrongEvent('data', 'must be a string, because its content type is not JSON');
  // Half a surrogate pair would be another text as soon as it was bytes.
  if (!data.isWellFormed()) throw wrongEvent('data', 'must be a string of whole Unicode characters');
  return { payload: writtenPayload(data), json: undefined };
}

/** Node passes over what is not base64; the sender would rather know. */
function decodeBase64(written: Json): Uint8Array {
  const isBase64 = typeof written === 'string' && written.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(written);
  if (!isBase64) throw wrongEvent('data_base64', 'must be base64 with its padding');
  return new Uint8Array(Buffer.from(written, 'base64'));
}

/** Data that came as bytes and goes on as these bytes. JSON by its content type must be JSON: no adapter could read it. */
function bytesData(value: Uint8Array, contentType: string, name: string): CloudEventData {
  const payload: Payload = { case: 'data', value };
  if (!isJsonContentType(contentType)) return { payload, json: undefined };
  try {
    return { payload, json: readJson(value).value };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const said = contentType === '' ? 'without a content type it has to be' : 'its content type says that it is';
    throw wrongEvent(name, error.code === 'too_deep' ? error.message : `${error.message}; ${said}`);
  }
}

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
 * @throws {RequestError} EVENT_INVALID when a header is missing, cannot be decoded or names the data, or the body should be
 *   JSON and is not
 */
export function readBinaryCloudEvent(
  headers: IncomingHttpHeaders,
  body: Uint8Array,
  keyFields: readonly string[],
): HttpEvent {
  const attributes = Object.entries(headers)
    .filter(([name]) => name.startsWith(PREFIX))
    .map(([name, value]) => [name.slice(PREFIX.length), decodeHeader(name, String(value))] as const);
  const [misnamed] = attributes.find(([name]) => isDataName(name)) ?? [];
  if (misnamed !== undefined) throw wrongEvent(`${PREFIX}${misnamed}`, 'is not an attribute: the data is the body');
  const contentType = headers['content-type'] || (body.byteLength === 0 ? '' : UNKNOWN_TYPE);
  const cloudEvent: CloudEvent = {
    attributes: { ...Object.fromEntries(attributes), datacontenttype: contentType },
    data: body.byteLength === 0 ? NO_DATA : bytesData(body, contentType, 'body'),
    nameOf: (attribute) => (attribute === 'datacontenttype' ? 'content-type' : `${PREFIX}${attribute}`),
    dataName: 'body',
  };
  return toHttpEvent(cloudEvent, keyFields);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** A quoted string of RFC 9110, 5.6.4, as a whole value. */
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/;

/**
 * What a header of a CloudEvent says, by 3.1.3.2 of its HTTP binding: the quotes that older senders write are taken off
 * first, then percent-encoding is decoded once. Bytes of UTF-8 that were sent as they are count as what they are.
 *
 * @param value as Node hands it over, each byte a character
 */
function decodeHeader(header: string, value: string): string {
  try {
    const written = /[\x80-\xff]/.test(value) ? utf8.decode(Buffer.from(value, 'latin1')) : value;
    const quoted = QUOTED.exec(written)?.[1]?.replaceAll(/\\(.)/g, '$1');
    const isQuotedInPart = quoted === undefined && written.includes('"');
    if (!isQuotedInPart) return decodeURIComponent(quoted ?? written);
  } catch {
    // Not UTF-8, or half of an escape.
  }
  throw wrongEvent(header, 'must be UTF-8 with percent-encoding; write a percent sign as %25 and a quote as %22');
}

/** Names that no attribute may have: an event would be accepted, and delivered without the data that its sender meant. */
function isDataName(attribute: string): boolean {
  return attribute === 'data' || attribute === 'data_base64';
}
