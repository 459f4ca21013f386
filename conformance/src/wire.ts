import type { DescMethod } from '@bufbuild/protobuf';
import { codeToString } from '@connectrpc/connect/protocol-connect';
import { CallError, type ErrorDetail, statusDetails } from './call-error.ts';
import { type RawResponse, request } from './raw-request.ts';
import type { Wire } from './transports/transport.ts';

/** A unary call as bytes, right or wrong. */
export interface WireCall {
  readonly wire: Wire;
  /** Such as `/hms.sync.v1.SyncService/GetEvent`. */
  readonly path: string;
  /** The message, without an envelope. */
  readonly message: Buffer;
  /** Said in the envelope instead of the message's own length. */
  readonly claimedLength?: number;
  /** Sent as it is, instead of the message in its envelope. */
  readonly body?: Buffer;
  /** `gzip`: the message is compressed by it. */
  readonly compression?: 'gzip';
  /** Goes before the one that belongs to the wire. */
  readonly contentType?: string;
  /** Beside those of the wire, such as `authorization`. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface WireAnswer {
  readonly httpStatus: number;
  /** The message, when the call went well. */
  readonly message: Buffer;
  readonly error: CallError | undefined;
}

export function pathOf({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

/** Posts the bytes of one unary call and reads its answer, by node's own HTTP clients alone. */
export async function callWire(address: string, call: WireCall): Promise<WireAnswer> {
  const { wire, path, message } = call;
  const response = await request(address, {
    httpVersion: wire.httpVersion,
    path,
    headers: { ...headersOf(call), ...call.headers },
    body: call.body ?? (wire.protocol === 'connect' ? message : envelope(call)),
  });
  if (response === 'connection closed') {
    const error = new CallError({ code: 'connection_closed', message: '', details: [] });
    return { httpStatus: 0, message: Buffer.alloc(0), error };
  }
  const error = errorOf(wire, response);
  const answered = wire.protocol === 'connect' ? response.body : firstMessage(response.body);
  return { httpStatus: response.status, message: answered, error };
}

/** Of a body of envelopes; what comes after it is another message, or the trailers of gRPC-Web. */
function firstMessage(body: Buffer): Buffer {
  return body.byteLength < 5 ? Buffer.alloc(0) : body.subarray(5, 5 + body.readUInt32BE(1));
}

function headersOf({ wire, contentType, compression }: WireCall): Record<string, string> {
  switch (wire.protocol) {
    case 'connect':
      return {
        'content-type': contentType ?? `application/${wire.codec}`,
        ...(compression !== undefined && { 'content-encoding': compression }),
      };
    case 'grpc':
    case 'grpc-web':
      return {
        'content-type': contentType ?? `application/${wire.protocol}+${wire.codec}`,
        te: 'trailers',
        ...(compression !== undefined && { 'grpc-encoding': compression }),
      };
    default:
      return wire.protocol satisfies never;
  }
}

/** One flag byte and the length, as gRPC and gRPC-Web put before each message. */
function envelope({ message, claimedLength, compression }: WireCall): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(compression === undefined ? 0 : 1, 0);
  head.writeUInt32BE(claimedLength ?? message.byteLength, 1);
  return Buffer.concat([head, message]);
}

function errorOf({ protocol }: Wire, response: RawResponse): CallError | undefined {
  switch (protocol) {
    case 'connect':
      return response.status === 200 ? streamError(response) : connectError(response);
    case 'grpc':
      return grpcError(response.status, { ...response.headers, ...response.trailers });
    case 'grpc-web':
      return grpcError(response.status, { ...response.headers, ...webTrailers(response.body) });
    default:
      return protocol satisfies never;
  }
}

/** A stream of Connect ends with a message of its own, which says how. */
function streamError(response: RawResponse): CallError | undefined {
  if (response.headers['content-type']?.startsWith('application/connect+') !== true) return undefined;
  let rest = response.body;
  while (rest.byteLength >= 5) {
    const end = 5 + rest.readUInt32BE(1);
    if (rest.readUInt8(0) === 2) {
      const { error }: { error?: unknown } = JSON.parse(rest.subarray(5, end).toString());
      return error === undefined ? undefined : connectError({ ...response, body: Buffer.from(JSON.stringify(error)) });
    }
    rest = rest.subarray(end);
  }
  return undefined;
}

function connectError({ status, body }: RawResponse): CallError {
  const text = body.toString();
  if (!text.startsWith('{')) return new CallError({ code: `http_${status}`, message: text, details: [] });
  const { code, message = '', details = [] }: ConnectErrorJson = JSON.parse(text);
  const decoded = details.map(({ type, value }): ErrorDetail => ({ type, value: Buffer.from(value, 'base64') }));
  return new CallError({ code, message, details: decoded });
}

interface ConnectErrorJson {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

function grpcError(httpStatus: number, trailers: Readonly<Record<string, string>>): CallError | undefined {
  const status = trailers['grpc-status'];
  if (status === '0') return undefined;
  if (status === undefined) return new CallError({ code: `http_${httpStatus}`, message: '', details: [] });
  return new CallError({
    code: codeToString(Number(status)),
    message: decodeURIComponent(trailers['grpc-message'] ?? ''),
    details: statusDetails(Buffer.from(trailers['grpc-status-details-bin'] ?? '', 'base64')),
  });
}

/** gRPC-Web puts the trailers into the body, as a last message with its own flag. */
function webTrailers(body: Buffer): Record<string, string> {
  let rest = body;
  while (rest.byteLength >= 5) {
    const end = 5 + rest.readUInt32BE(1);
    if (rest.readUInt8(0) === 0x80) return headerLines(rest.subarray(5, end).toString());
    rest = rest.subarray(end);
  }
  return {};
}

function headerLines(text: string): Record<string, string> {
  const lines = text.split('\r\n').filter((line) => line !== '');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  );
}
