import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import {
  type Compression,
  type EnvelopedMessage,
  pipe,
  readAllBytes,
  transformDecompressEnvelope,
  transformJoinEnvelopes,
  transformSplitEnvelope,
  type UniversalServerRequest,
} from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { checkWire, WireError } from '@hms-sync/proto/wire';
import { isFramed } from '../message-meter.ts';
import { FIELDS_MAX, REQUEST_NESTING_MAX, unreadable } from '../unreadable-request.ts';
import { refusalError } from './refusal-error.ts';

type Handler = ConnectRouter['handlers'][number];

const COMPRESSIONS: readonly Compression[] = [compressionGzip, compressionBrotli];
/** Where each protocol says how messages are compressed. */
const CODINGS = ['content-encoding', 'connect-content-encoding', 'grpc-encoding'] as const;

/**
 * Looks at every protobuf message of a request before Connect decodes it. Connect has no place for that, so its body is
 * taken apart here, unpacked, and handed on plain. JSON has its place: see jsonRequestOptions.
 *
 * @throws {ConnectError} from the body, where the handlers answer it
 */
export function withCheckedBody(handler: Handler, messageBytesMax: number): Handler {
  const { allowedMethods, method } = handler;
  const handle = async (request: UniversalServerRequest) => {
    const isGet = request.method === 'GET' && allowedMethods.includes('GET');
    return handler(checked(isGet ? asPost(request) : request, method.input, messageBytesMax));
  };
  return Object.assign(handle, { ...handler });
}

function checked(request: UniversalServerRequest, schema: DescMessage, bytesMax: number): UniversalServerRequest {
  const { header, body } = request;
  const contentType = header.get('content-type') ?? '';
  const coding = CODINGS.map((name) => header.get(name)).find((value) => value !== null) ?? 'identity';
  const compression = COMPRESSIONS.find(({ name }) => name === coding) ?? null;
  // Of JSON, or compressed in a way that Connect refuses.
  if (/\bjson\b/.test(contentType) || (compression === null && coding !== 'identity')) return request;
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return request;
  if (!isFramed(contentType)) return { ...request, ...checkedWhole(request, { schema, bytesMax, compression }) };
  const plain = pipe(
    body,
    transformSplitEnvelope(bytesMax),
    transformDecompressEnvelope(compression, bytesMax),
    (messages) => checkedMessages(messages, schema),
    transformJoinEnvelopes(),
  );
  return { ...request, body: plain };
}

async function* checkedMessages(
  messages: AsyncIterable<EnvelopedMessage>,
  schema: DescMessage,
): AsyncIterable<EnvelopedMessage> {
  for await (const message of messages) {
    check(schema, message.data);
    yield message;
  }
}

interface WholeBody {
  readonly schema: DescMessage;
  readonly bytesMax: number;
  readonly compression: Compression | null;
}

/** A body that is one message. */
function checkedWhole(request: UniversalServerRequest, { schema, bytesMax, compression }: WholeBody) {
  const body = request.body as AsyncIterable<Uint8Array>;
  const header = new Headers(request.header);
  const length = header.get('content-length');
  for (const name of ['content-encoding', 'content-length']) header.delete(name);
  async function* message(): AsyncIterable<Uint8Array> {
    const sent = await readAllBytes(body, bytesMax, length);
    const bytes = compression === null ? sent : await compression.decompress(sent, bytesMax);
    check(schema, bytes);
    yield bytes;
  }
  return { header, body: message() };
}

function check(schema: DescMessage, bytes: Uint8Array): void {
  try {
    checkWire(schema, bytes, { fieldsMax: FIELDS_MAX, nestingMax: REQUEST_NESTING_MAX });
  } catch (error) {
    throw error instanceof WireError ? refusalError(unreadable(error)) : error;
  }
}

/** Connect's GET has the message in its query; the same request by POST has it where it is looked at. */
function asPost(request: UniversalServerRequest): UniversalServerRequest {
  const query = new URL(request.url).searchParams;
  if (query.get('encoding') !== 'proto') return request;
  const message = Buffer.from(query.get('message') ?? '', query.get('base64') === '1' ? 'base64' : 'utf8');
  const header = new Headers(request.header);
  header.set('content-type', 'application/proto');
  header.set('content-encoding', query.get('compression') ?? 'identity');
  return { ...request, method: 'POST', header, body: once(message) };
}

async function* once(message: Uint8Array): AsyncIterable<Uint8Array> {
  yield message;
}
