import { connect } from 'node:http2';
import { gzipSync } from 'node:zlib';
import type { DescMethod } from '@bufbuild/protobuf';
import { Code } from '@connectrpc/connect';

/** How a message goes over the wire, and what its media type is; unary methods of Connect have no frames. */
export const PROTOCOLS = {
  'Connect proto': { unary: 'application/proto', streaming: 'application/connect+proto' },
  'Connect JSON': { unary: 'application/json', streaming: 'application/connect+json' },
  gRPC: { unary: 'application/grpc+proto', streaming: 'application/grpc+proto' },
  'gRPC-web': { unary: 'application/grpc-web+proto', streaming: 'application/grpc-web+proto' },
} as const;
export type Protocol = keyof typeof PROTOCOLS;
export const PROTOBUF_PROTOCOLS = ['Connect proto', 'gRPC', 'gRPC-web'] as const satisfies readonly Protocol[];

export interface RawCall {
  readonly port: number;
  readonly method: DescMethod;
  readonly protocol: Protocol;
  /** One message, in the codec of the protocol. */
  readonly message: Uint8Array | string;
  readonly isZipped?: boolean;
  /** How often it is sent. Default: once. */
  readonly times?: number;
  /** A message after it. */
  readonly after?: Uint8Array;
  /** How many bytes are written at a time. Default: all. */
  readonly pieceBytes?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** How a call ended: its status, as Connect names them, and all that was answered as text. */
export interface RawAnswer {
  readonly code: string;
  readonly text: string;
}

/** Calls an rpc with bytes that no client would make, over HTTP/2. */
export async function callRaw(call: RawCall): Promise<RawAnswer> {
  const { port, method, protocol, message, isZipped = false, times = 1, after } = call;
  const isUnary = method.methodKind === 'unary';
  const contentType = PROTOCOLS[protocol][isUnary ? 'unary' : 'streaming'];
  const isFramed = contentType !== 'application/proto' && contentType !== 'application/json';
  const bytes = isZipped ? gzipSync(message) : Buffer.from(message);
  const coding = contentType.startsWith('application/grpc')
    ? 'grpc-encoding'
    : isFramed
      ? 'connect-content-encoding'
      : 'content-encoding';
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request({
      ':method': 'POST',
      ':path': `/${method.parent.typeName}/${method.name}`,
      'content-type': contentType,
      te: 'trailers',
      ...(isZipped && { [coding]: 'gzip' }),
      ...call.headers,
    });
    let head: Record<string, unknown> = {};
    stream.once('response', (headers) => {
      head = { ...head, ...headers };
    });
    stream.once('trailers', (trailers) => {
      head = { ...head, ...trailers };
    });
    const frames = Array.from({ length: times }, () => framed(bytes, isZipped));
    if (after !== undefined) frames.push(framed(after, false));
    const whole = isFramed ? Buffer.concat(frames) : bytes;
    const { pieceBytes = whole.byteLength } = call;
    for (let at = 0; at < whole.byteLength; at += pieceBytes) stream.write(whole.subarray(at, at + pieceBytes));
    stream.end();
    let text = '';
    for await (const chunk of stream) text += chunk.toString();
    return { code: codeOf(head, text), text: `${text}${head['grpc-message'] ?? ''}`.replaceAll('%20', ' ') };
  } finally {
    session.close();
  }
}

function framed(bytes: Uint8Array, isZipped: boolean): Buffer {
  const head = Buffer.alloc(5);
  head[0] = isZipped ? 1 : 0;
  head.writeUInt32BE(bytes.byteLength, 1);
  return Buffer.concat([head, bytes]);
}

function codeOf(head: Record<string, unknown>, text: string): string {
  const status = head['grpc-status'] ?? /grpc-status: ?(\d+)/.exec(text)?.[1];
  if (status !== undefined) return (Code[Number(status)] ?? 'Ok').toLowerCase();
  return (/"code":"(\w+)"/.exec(text)?.[1] ?? 'ok').replaceAll('_', '');
}
