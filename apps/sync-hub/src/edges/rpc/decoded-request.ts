import { type DescMessage, fromBinary, fromJson, type JsonValue, type Message } from '@bufbuild/protobuf';
import { createContextKey, createContextValues, type Interceptor } from '@connectrpc/connect';
import {
  type Compression,
  createAsyncIterable,
  encodeEnvelope,
  envelopeDecompress,
  readAllBytes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
} from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { JsonError, readJsonAsDoubles } from '@hms-sync/proto/json';
import { checkWire, WireError } from '@hms-sync/proto/wire';
import { isFramed } from '../door/message-meter.ts';
import { FIELDS_MAX, REQUEST_NESTING_MAX, RequestError, unreadable, VALUES_MAX } from '../request-error.ts';
import { toConnectError } from './connect-error.ts';

/** The largest message: 1,000 small events, or 15 of the largest. Connect's own bound is 4 GiB, decompression too. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** How Connect compresses requests and responses. */
export const COMPRESSIONS: readonly Compression[] = [compressionGzip, compressionBrotli];

/** A level of JSON is two of protobuf's messages, within those of the request. */
const DECODE_OPTIONS = { ignoreUnknownFields: true, recursionLimit: 2 * REQUEST_NESTING_MAX + 8 };

/** The messages of a call that were decoded and that its handler did not take yet, in order. */
const DECODED = createContextKey<Message[]>([]);
/** What Connect decodes in place of each: an empty message, in JSON and in protobuf. */
const EMPTY = { json: new TextEncoder().encode('{}'), protobuf: new Uint8Array() };

/**
 * A request whose messages the hub unpacks, looks at and decodes itself: Connect has no place for a look before it decodes,
 * and its errors quote values of JSON, which may be payload. Connect gets an empty message in place of each, and
 * {@link decodedMessages} puts the decoded one back, so that none is decoded twice.
 *
 * @throws {ConnectError} from the body, where the handlers answer it
 */
export function decodedRequest(
  sent: UniversalServerRequest,
  { method: { input: schema }, allowedMethods }: UniversalHandler,
): UniversalServerRequest {
  const request = sent.method === 'GET' && allowedMethods.includes('GET') ? asPost(sent) : sent;
  const { header, body } = request;
  const contentType = header.get('content-type') ?? '';
  const coding = header.get(codingHeader(contentType)) ?? 'identity';
  const compression = COMPRESSIONS.find(({ name }) => name === coding) ?? null;
  // Compressed in a way that Connect refuses.
  if (compression === null && coding !== 'identity') return request;
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return request;
  const codec = /\bjson\b/i.test(contentType) ? 'json' : 'protobuf';
  const decoded: Message[] = [];
  const decode = (message: Uint8Array): Uint8Array => {
    decoded.push(codec === 'json' ? fromCheckedJson(schema, message) : fromCheckedWire(schema, message));
    return EMPTY[codec];
  };
  async function* whole(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const packed = await readAllBytes(bytes, MESSAGE_BYTES_MAX, header.get('content-length'));
    yield decode(compression === null ? packed : await compression.decompress(packed, MESSAGE_BYTES_MAX));
  }
  async function* framed(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    for await (const envelope of transformSplitEnvelope(MESSAGE_BYTES_MAX)(bytes)) {
      const { flags, data } = await envelopeDecompress(envelope, compression, MESSAGE_BYTES_MAX);
      yield encodeEnvelope(flags, decode(data));
    }
  }
  const contextValues = (request.contextValues ?? createContextValues()).set(DECODED, decoded);
  if (isFramed(contentType)) return { ...request, body: framed(body), contextValues };
  return { ...request, header: plainHeader(header), body: whole(body), contextValues };
}

/** Gives handlers the messages that {@link decodedRequest} decoded. */
export const decodedMessages: Interceptor = (next) => (request) => {
  const decoded = request.contextValues.get(DECODED);
  const taken = (): Message => {
    const message = decoded.shift();
    if (message === undefined) throw new Error('a message reached its handler that was not decoded');
    return message;
  };
  async function* each(empty: AsyncIterable<Message>): AsyncIterable<Message> {
    for await (const _ of empty) yield taken();
  }
  return next(request.stream ? { ...request, message: each(request.message) } : { ...request, message: taken() });
};

/** Where the protocol says how messages are compressed, and Connect looks. */
function codingHeader(contentType: string): string {
  if (!isFramed(contentType)) return 'content-encoding';
  return /^application\/grpc/i.test(contentType) ? 'grpc-encoding' : 'connect-content-encoding';
}

/** As it is once the body is unpacked. */
function plainHeader(header: Headers): Headers {
  const plain = new Headers(header);
  for (const name of ['content-encoding', 'content-length']) plain.delete(name);
  return plain;
}

function fromCheckedWire(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    checkWire(schema, bytes, { fieldsMax: FIELDS_MAX, nestingMax: REQUEST_NESTING_MAX });
  } catch (error) {
    throw error instanceof WireError ? toConnectError(unreadable(error)) : error;
  }
  return fromBinary(schema, bytes, DECODE_OPTIONS);
}

function fromCheckedJson(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    const json = readJsonAsDoubles(bytes, { valuesMax: VALUES_MAX, nestingMax: REQUEST_NESTING_MAX });
    return fromJson(schema, json as JsonValue, DECODE_OPTIONS);
  } catch (error) {
    throw toConnectError(
      error instanceof JsonError
        ? unreadable(error)
        : new RequestError('REQUEST_INVALID', `${withoutValue(error)}; fix the JSON of the request`),
    );
  }
}

/** "cannot decode field hms.sync.v1.SyncEvent.type from JSON: 7", without the 7. */
function withoutValue(error: unknown): string {
  const message = error instanceof Error ? error.message : '';
  return /^cannot decode [\w .]* from JSON/.exec(message)?.[0] ?? 'the request is not JSON of this kind';
}

/** Connect's GET has the message in its query; the same request by POST has it where it is looked at. */
function asPost(request: UniversalServerRequest): UniversalServerRequest {
  const query = new URL(request.url).searchParams;
  const encoding = query.get('encoding');
  if (encoding !== 'proto' && encoding !== 'json') return request;
  const message = Buffer.from(query.get('message') ?? '', query.get('base64') === '1' ? 'base64' : 'utf8');
  const header = new Headers(request.header);
  header.set('content-type', `application/${encoding}`);
  header.set('content-encoding', query.get('compression') ?? 'identity');
  return { ...request, method: 'POST', header, body: createAsyncIterable([message]) };
}
