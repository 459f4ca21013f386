import type { DescMessage } from '@bufbuild/protobuf';
import type { ConnectRouter } from '@connectrpc/connect';
import {
  type Compression,
  compressedFlag,
  encodeEnvelope,
  readAllBytes,
  type UniversalServerRequest,
} from '@connectrpc/connect/protocol';
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { checkWire, WireError } from '@hms-sync/proto/wire';
import { isFramed } from '../message-meter.ts';
import { FIELDS_MAX, REQUEST_NESTING_MAX, unreadable } from '../unreadable-request.ts';
import { refusalError } from './refusal-error.ts';

type Handler = ConnectRouter['handlers'][number];

const COMPRESSIONS: readonly Compression[] = [compressionGzip, compressionBrotli];
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
  const coding = header.get(codingHeader(contentType)) ?? 'identity';
  const compression = COMPRESSIONS.find(({ name }) => name === coding) ?? null;
  // Of JSON, or compressed in a way that Connect refuses.
  if (/\bjson\b/i.test(contentType) || (compression === null && coding !== 'identity')) return request;
  if (typeof body !== 'object' || body === null || !(Symbol.asyncIterator in body)) return request;
  const expected = { schema, bytesMax, compression };
  if (isFramed(contentType)) return { ...request, body: checkedFrames(body, expected) };
  const length = header.get('content-length');
  return { ...request, header: plainHeader(header, compression), body: checkedWhole(body, length, expected) };
}

/** Where the protocol says how messages are compressed, and Connect looks. */
function codingHeader(contentType: string): string {
  if (!isFramed(contentType)) return 'content-encoding';
  return /^application\/grpc/i.test(contentType) ? 'grpc-encoding' : 'connect-content-encoding';
}

interface Expected {
  readonly schema: DescMessage;
  readonly bytesMax: number;
  readonly compression: Compression | null;
}

/** A body that is one message. */
async function* checkedWhole(
  body: AsyncIterable<Uint8Array>,
  length: string | null,
  { schema, bytesMax, compression }: Expected,
): AsyncIterable<Uint8Array> {
  const sent = await readAllBytes(body, bytesMax, length);
  const bytes = compression === null ? sent : await compression.decompress(sent, bytesMax);
  check(schema, bytes);
  yield bytes;
}

/** As it is once the body is unpacked. */
function plainHeader(header: Headers, compression: Compression | null): Headers {
  if (compression === null) return header;
  const plain = new Headers(header);
  for (const name of ['content-encoding', 'content-length']) plain.delete(name);
  return plain;
}

/** A body of framed messages. What came in one piece and needs no unpacking goes on in one piece, uncopied. */
async function* checkedFrames(body: AsyncIterable<Uint8Array>, expected: Expected): AsyncIterable<Uint8Array> {
  const { schema, bytesMax, compression } = expected;
  let pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  /** Of what there must be before anything of it is whole. */
  let neededBytes = HEAD_BYTES;
  for await (const piece of body) {
    pieces.push(piece);
    sizeBytes += piece.byteLength;
    if (sizeBytes < neededBytes) continue;
    const bytes = pieces.length === 1 ? piece : Buffer.concat(pieces, sizeBytes);
    let told = 0;
    let whole = 0;
    for (let frame = frameAt(bytes, whole); ; frame = frameAt(bytes, whole)) {
      neededBytes = frame.end - whole;
      // Connect refuses it by its head.
      if (neededBytes > bytesMax + HEAD_BYTES) return yield bytes.subarray(told);
      if (frame.end > bytes.byteLength) break;
      const packed = bytes.subarray(whole + HEAD_BYTES, frame.end);
      const unpacker = (frame.flags & compressedFlag) === 0 ? null : compression;
      try {
        const data = unpacker === null ? packed : await unpacker.decompress(packed, bytesMax);
        check(schema, data);
        if (unpacker !== null) {
          if (whole > told) yield bytes.subarray(told, whole);
          yield encodeEnvelope(frame.flags & ~compressedFlag, data);
          told = frame.end;
        }
      } catch (error) {
        // Those before it are well.
        if (whole > told) yield bytes.subarray(told, whole);
        throw error;
      }
      whole = frame.end;
    }
    if (whole > told) yield bytes.subarray(told, whole);
    pieces = whole === bytes.byteLength ? [] : [bytes.subarray(whole)];
    sizeBytes = bytes.byteLength - whole;
  }
  // Cut off: Connect says so.
  yield* pieces;
}

/** Flags, then the length of the message, as gRPC and Connect frame the messages of a stream. */
const HEAD_BYTES = 5;

/** Where the frame that begins there ends, as far as its head has come. */
function frameAt(bytes: Uint8Array, at: number): { readonly flags: number; readonly end: number } {
  if (bytes.byteLength - at < HEAD_BYTES) return { flags: 0, end: at + HEAD_BYTES };
  const length = new DataView(bytes.buffer, bytes.byteOffset + at + 1, 4).getUint32(0);
  return { flags: bytes[at] ?? 0, end: at + HEAD_BYTES + length };
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
