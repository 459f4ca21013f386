import { once } from 'node:events';
import { request as http1Request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { connect } from 'node:http2';
import type { Readable } from 'node:stream';

export interface RawRequest {
  readonly httpVersion: '1.1' | '2';
  readonly path: string;
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export interface RawResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** Sends one HTTP request on a connection of its own and reads the answer to its end, if there is one. */
export function request(address: string, options: RawRequest): Promise<RawResponse | 'connection closed'> {
  return options.httpVersion === '2' ? overHttp2(address, options) : overHttp1(address, options);
}

async function overHttp1(
  address: string,
  { path, method = 'POST', headers, body }: RawRequest,
): Promise<RawResponse | 'connection closed'> {
  const outgoing = http1Request(new URL(path, address), { method, headers, agent: false });
  const answered = new Promise<IncomingMessage | 'connection closed'>((resolve, reject) => {
    outgoing.on('response', resolve);
    // The hub may close before it has read everything. After a response that is no news, and changes nothing.
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve('connection closed');
      else reject(error);
    });
  });
  outgoing.end(body);
  const incoming = await answered;
  if (incoming === 'connection closed') return incoming;
  const received = await readAll(incoming);
  return {
    status: incoming.statusCode ?? 0,
    headers: texts(incoming.headers),
    trailers: texts(incoming.trailers),
    body: received,
  };
}

async function overHttp2(address: string, { path, method = 'POST', headers, body }: RawRequest): Promise<RawResponse> {
  const session = connect(address);
  try {
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: false });
    let trailers: IncomingHttpHeaders = {};
    stream.on('trailers', (received: IncomingHttpHeaders) => {
      trailers = received;
    });
    const answered = once(stream, 'response');
    stream.end(body);
    const [received]: Record<string, unknown>[] = await answered;
    const all = await readAll(stream);
    return {
      status: Number(received?.[':status']),
      headers: texts(received ?? {}),
      trailers: texts(trailers),
      body: all,
    };
  } finally {
    session.destroy();
  }
}

async function readAll(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function texts(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}
