import type { EventEmitter } from 'node:events';
import { request as requestHttp1 } from 'node:http';
import { connect } from 'node:http2';
import type { Writable } from 'node:stream';

export const HTTP_VERSIONS = ['HTTP/1.1', 'HTTP/2'] as const;
export type HttpVersion = (typeof HTTP_VERSIONS)[number];

export interface Posted {
  readonly version: HttpVersion;
  readonly port: number;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sends the body and goes on as if more came. */
  readonly isUnfinished?: boolean;
}

export interface Answered {
  readonly status: number;
  readonly headers: { readonly connection?: unknown };
  readonly body: unknown;
}

/** Posts as node's own clients do, and reads the answer to its end. */
export function post(posted: Posted): Promise<Answered> {
  return posted.version === 'HTTP/2' ? postHttp2(posted) : postHttp1(posted);
}

function postHttp1({ port, path = '/sync', headers = {}, body = '', isUnfinished }: Posted): Promise<Answered> {
  const { promise, resolve, reject } = Promise.withResolvers<Answered>();
  const request = requestHttp1({ host: '127.0.0.1', port, path, method: 'POST', headers }, (response) => {
    readAll(response).then(
      (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: JSON.parse(text) }),
      reject,
    );
  });
  request.once('error', reject);
  if (isUnfinished === true) request.write(body);
  else request.end(body);
  return promise;
}

async function postHttp2({ port, path = '/sync', headers = {}, body = '', isUnfinished }: Posted): Promise<Answered> {
  // A client with more than its memory bound still to send gives up on the answer's headers.
  const session = connect(`http://127.0.0.1:${port}`, { maxSessionMemory: 64 });
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  session.once('error', reject);
  try {
    const stream = session.request({ ':method': 'POST', ':path': path, ...headers });
    stream.once('error', reject).once('response', resolve);
    if (isUnfinished === true) stream.write(body);
    else stream.end(body);
    const answered = await promise;
    const text = await readAll(stream);
    return { status: Number(answered[':status']), headers: answered, body: JSON.parse(text) };
  } finally {
    session.close();
  }
}

async function readAll(chunks: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const chunk of chunks) text += chunk.toString();
  return text;
}

/** Posts JSON and does not wait for the answer. Returns what breaks the connection off. */
export function openRequest({
  version,
  port,
  body = '',
}: Pick<Posted, 'version' | 'port' | 'body'>): () => Promise<void> {
  const headers = { 'content-type': 'application/json' };
  if (version === 'HTTP/2') {
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':method': 'POST', ':path': '/sync', ...headers });
    stream.on('error', () => undefined).end(body);
    return () => closed(session, () => session.destroy());
  }
  const request = requestHttp1({ host: '127.0.0.1', port, path: '/sync', method: 'POST', headers });
  request.on('error', () => undefined).end(body);
  return () => closed(request, () => request.destroy());
}

/** Posts a body without end. Resolves with the answer's status once the hub has broken the request off. */
export async function sendForEver({ version, port }: Pick<Posted, 'version' | 'port'>): Promise<{ status: number }> {
  const headers = { 'content-type': 'application/json' };
  const chunk = Buffer.alloc(16_384, ' ');
  let status = 0;
  if (version === 'HTTP/2') {
    const session = connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':method': 'POST', ':path': '/sync', ...headers });
    stream.once('response', (answered) => {
      status = Number(answered[':status']);
    });
    stream.on('error', () => undefined).resume();
    await closed(stream, () => pump(stream, chunk));
    session.close();
  } else {
    const request = requestHttp1({ host: '127.0.0.1', port, path: '/sync', method: 'POST', headers });
    request.once('response', (answered) => {
      status = answered.statusCode ?? 0;
      answered.on('error', () => undefined).resume();
    });
    request.on('error', () => undefined);
    await closed(request, () => pump(request, chunk));
  }
  return { status };
}

function pump(into: Writable, chunk: Uint8Array): void {
  const more = () => {
    while (!into.destroyed && into.write(chunk));
    if (!into.destroyed) into.once('drain', more);
  };
  more();
}

function closed(what: EventEmitter, begin: () => void): Promise<void> {
  return new Promise((resolve) => {
    what.once('close', resolve);
    begin();
  });
}
