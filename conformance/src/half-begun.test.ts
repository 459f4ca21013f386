import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { frame, HTTP2_PREFACE, headerBlock, SETTINGS } from './http2-frame.ts';
import { type Stack, startStack } from './stack.ts';
import { expectUnharmed } from './unharmed.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
let session: ClientHttp2Session;

beforeAll(async () => {
  stack = await startStack();
  session = connectHttp2(stack.hub.address);
});
afterAll(async () => {
  session?.destroy();
  await stack?.close();
});

/** About half a minute, and what a busy machine adds. */
const WITHIN_MS = 60_000;

const { publishAndWait, publishStream, getEvent, watchAcks } = SyncService.method;
const { tailEvents } = AdminService.method;

/** What a connection says and then leaves it at that. Pings of HTTP/2 are not answered. */
const half: Readonly<Record<string, readonly (string | Buffer)[]>> = {
  'no byte': [],
  'half a request line': ['GET /healthz HT'],
  'half of its headers': ['GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-A: '],
  'half of a second request': [get('/healthz'), 'GET /healthz HTTP/1.1\r\nHost: loc'],
  'the headers of a publish': [post('/sync', 'content-length: 10')],
  'half the body of a publish': [post('/sync', 'content-length: 10'), '{"ty'],
  'the headers of an rpc': [post(pathOf(publishAndWait), 'content-length: 10')],
  'half the body of an rpc': [post(pathOf(getEvent), 'content-length: 10'), '{"id'],
  'half a chunk': [post(pathOf(getEvent), 'transfer-encoding: chunked'), 'a\r\n{"id"'],
  'chunks without an end': [post(pathOf(getEvent), 'transfer-encoding: chunked'), '2\r\n{}\r\n'],
  'an Expect without what is expected': [post('/sync', 'content-length: 10\r\nexpect: 100-continue')],
  'the headers of a body for nobody': [post('/nothing', 'content-length: 10')],
  'the headers of a body of a wrong type': [post(pathOf(getEvent), 'content-length: 10', 'text/html')],
  'half a preface': [HTTP2_PREFACE.slice(0, 20)],
  'a preface': [HTTP2_PREFACE],
  'a preface and settings': [HTTP2_PREFACE, SETTINGS],
  'headers without their continuation': [HTTP2_PREFACE, SETTINGS, headers(1, pathOf(getEvent), 0)],
  'a request, and headers without their continuation': [
    HTTP2_PREFACE,
    SETTINGS,
    headers(1, pathOf(getEvent), 5),
    headers(3, pathOf(getEvent), 0),
  ],
  'half a frame': [HTTP2_PREFACE, SETTINGS, frame({ type: 6, flags: 0, stream: 0, claimedLength: 8 })],
  'half a frame of data': [
    HTTP2_PREFACE,
    SETTINGS,
    headers(1, pathOf(watchAcks), 4),
    frame({ type: 0, flags: 1, stream: 1, payload: Buffer.alloc(2), claimedLength: 5 }),
  ],
};

const EMPTY_MESSAGE = Buffer.alloc(5);
const HALF_MESSAGE = Buffer.from([0, 0, 0, 1, 0, 10]);

/** What a client that is well says of a stream, and then leaves it at that. */
const halfStreams: Readonly<Record<string, { path: string; contentType: string; data?: Buffer }>> = {
  'the headers of an rpc': { path: pathOf(getEvent), contentType: 'application/grpc+proto' },
  'half a message of an rpc': { path: pathOf(getEvent), contentType: 'application/grpc+proto', data: HALF_MESSAGE },
  'a message of an rpc and no end': {
    path: pathOf(watchAcks),
    contentType: 'application/grpc+proto',
    data: EMPTY_MESSAGE,
  },
  'the headers of a call of Connect': { path: pathOf(publishAndWait), contentType: 'application/proto' },
  'half a message of a stream': {
    path: pathOf(publishStream),
    contentType: 'application/grpc+proto',
    data: HALF_MESSAGE,
  },
  'a stream that was refused': { path: pathOf(publishStream), contentType: 'application/grpc+proto', data: wrong() },
  'a stream of a wrong type': { path: pathOf(publishStream), contentType: 'text/html' },
  'the headers of a publish': { path: '/sync', contentType: 'application/json' },
  'the headers of a body for nobody': { path: '/nothing', contentType: 'application/json' },
};

/** Connections that are silent for a valid reason. */
const silent = {
  'a watch of all acks': { path: pathOf(watchAcks), data: EMPTY_MESSAGE, ends: true },
  'a look at what happens': { path: pathOf(tailEvents), data: EMPTY_MESSAGE, ends: true },
  'a stream on which nothing was published yet': { path: pathOf(publishStream), data: undefined, ends: false },
  'a stream on which something was published': { path: pathOf(publishStream), data: EMPTY_MESSAGE, ends: false },
};

test('a connection or stream that begins and does not continue is closed within about half a minute, and no other is', async () => {
  const begunAtMs = performance.now();
  const kept = Object.entries(silent).map(([what, { path, data, ends }]) => {
    const stream = call(path, 'application/grpc+proto');
    if (data !== undefined) stream.write(data);
    if (ends) stream.end();
    return { what, stream };
  });
  const idle = connectHttp2(stack.hub.address);
  const asked = idle.request({ ':path': '/healthz' });
  asked.resume();
  await once(asked, 'close');

  const dialled = Object.entries(half).map(([what, parts]) => ({
    what: `a connection with ${what}`,
    over: dial(parts),
  }));
  const called = Object.entries(halfStreams).map(([what, { path, contentType, data }]) => {
    const stream = call(path, contentType);
    if (data !== undefined) stream.write(data);
    return { what: `a stream with ${what}`, over: closed(stream) };
  });
  const open = new Set([...dialled, ...called].map(({ what }) => what));
  const allOver = Promise.all([...dialled, ...called].map(({ what, over }) => over.then(() => open.delete(what))));
  let timer: NodeJS.Timeout | undefined;
  const timeIsUp = new Promise((resolve) => {
    timer = setTimeout(resolve, WITHIN_MS);
  });
  await Promise.race([allOver, timeIsUp]);
  clearTimeout(timer);
  expect([...open]).toEqual([]);
  expect(performance.now() - begunAtMs).toBeLessThan(WITHIN_MS);

  expect(kept.filter(({ stream }) => stream.closed).map(({ what }) => what)).toEqual([]);
  expect(idle.closed).toBe(false);
  idle.destroy();
  await expectUnharmed(stack);
}, 120_000);

function get(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
}

function post(path: string, header: string, type = 'application/json'): string {
  return `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\n${header}\r\n\r\n`;
}

function headers(stream: number, path: string, flags: number): Buffer {
  const payload = headerBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'localhost',
    ':path': path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
  return frame({ type: 1, flags, stream, payload });
}

/** A message that is no protobuf. */
function wrong(): Buffer {
  return Buffer.from([0, 0, 0, 0, 2, 0xff, 0xff]);
}

/** Resolves once the hub has closed the connection. */
async function dial(parts: readonly (string | Buffer)[]): Promise<void> {
  const socket: Socket = connect({ port: stack.hub.port, host: stack.hub.host });
  socket.on('error', () => undefined);
  socket.resume();
  for (const part of parts) socket.write(part);
  await closed(socket);
}

function call(path: string, contentType: string): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': path, 'content-type': contentType, te: 'trailers' });
  stream.on('error', () => undefined);
  stream.resume();
  return stream;
}

/** Whatever becomes of it before. */
function closed(emitter: NodeJS.EventEmitter): Promise<void> {
  return new Promise((resolve) => emitter.once('close', () => resolve()));
}
