import { type DescMessage, fromJson, type JsonValue } from '@bufbuild/protobuf';
import {
  type Compression,
  createAsyncIterable,
  type EnvelopedMessage,
  pipe,
  readAllBytes,
  transformDecompressEnvelope,
  transformJoinEnvelopes,
  transformSplitEnvelope,
  type UniversalHandler,
  type UniversalServerRequest,
} from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { JsonError, readJsonAsDoubles } from '@hms-sync/proto/json';
import { checkWire, WireError } from '@hms-sync/proto/wire';
import { isFramed } from '../door/message-meter.ts';
import { Refusal } from '../refusal.ts';
import { FIELDS_MAX, REQUEST_NESTING_MAX, unreadable, VALUES_MAX } from '../unreadable-request.ts';
import { refusalError } from './refusal-error.ts';

/** The largest message: 1,000 small events, or 15 of the largest. Connect's own bound is 4 GiB, decompression too. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** How Connect decodes what was looked at: a level of JSON is two of protobuf's messages, within those of the request. */
export const DECODE_OPTIONS = { ignoreUnknownFields: true, recursionLimit: 2 * REQUEST_NESTING_MAX + 8 };

/** How Connect compresses requests and responses. */
export const COMPRESSIONS: readonly Compression[] = [compressionGzip, compressionBrotli];

/**
 * A request whose every message is looked at before Connect decodes it, and unpacked for that. Of protobuf its fields are
 * counted; JSON is bounded too, a number that would become another as a double is refused, and what does not fit its type
 * is refused here, because Connect's own error quotes the value, which may be payload.
 *
 * @throws {ConnectError} from the body, where the handlers answer it
 */
export function checkedRequest(
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
  const check = /\bjson\b/i.test(contentType) ? checkJson : checkProtobuf;
  async function* whole(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    const packed = await readAllBytes(bytes, MESSAGE_BYTES_MAX, header.get('content-length'));
    const message = compression === null ? packed : await compression.decompress(packed, MESSAGE_BYTES_MAX);
    check(schema, message);
    yield message;
  }
  async function* each(envelopes: AsyncIterable<EnvelopedMessage>): AsyncIterable<EnvelopedMessage> {
    for await (const envelope of envelopes) {
      check(schema, envelope.data);
      yield envelope;
    }
  }
  if (!isFramed(contentType)) return { ...request, header: plainHeader(header), body: whole(body) };
  const split = transformSplitEnvelope(MESSAGE_BYTES_MAX);
  const unpack = transformDecompressEnvelope(compression, MESSAGE_BYTES_MAX);
  return { ...request, body: pipe(body, split, unpack, each, transformJoinEnvelopes()) };
}

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

function checkProtobuf(schema: DescMessage, bytes: Uint8Array): void {
  try {
    checkWire(schema, bytes, { fieldsMax: FIELDS_MAX, nestingMax: REQUEST_NESTING_MAX });
  } catch (error) {
    throw error instanceof WireError ? refusalError(unreadable(error)) : error;
  }
}

function checkJson(schema: DescMessage, bytes: Uint8Array): void {
  try {
    const json = readJsonAsDoubles(bytes, { valuesMax: VALUES_MAX, nestingMax: REQUEST_NESTING_MAX });
    fromJson(schema, json as JsonValue, DECODE_OPTIONS);
  } catch (error) {
    const refusal =
      error instanceof JsonError
        ? unreadable(error)
        : new Refusal('REQUEST_INVALID', `${withoutValue(error)}; fix the JSON of the request`);
    throw refusalError(refusal);
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
