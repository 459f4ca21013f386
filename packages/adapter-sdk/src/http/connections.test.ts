import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { externalSystem } from '../../test/external-system.ts';
import { answering, contextOf, poolFor, postOutcome } from '../../test/pools.ts';
import { rawSystem } from '../../test/raw-system.ts';
import { openConnections } from './connections.ts';
import { https } from './node-http.ts';

const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\ntaken';
const informational = (status: string) => `HTTP/1.1 ${status}\r\nlink: </a>; rel=preload\r\n\r\n`;

describe('an answer that nobody asked for, before the answer,', () => {
  it.each([
    ['100 Continue'],
    ['102 Processing'],
    ['103 Early Hints'],
    ['104 Upload Resumption Supported'],
    ['199 Whatever'],
    ['100 Continue', '100 Continue', '103 Early Hints', '102 Processing'],
  ])('is passed over: %s %s %s %s', async (...statuses) => {
    await using system = await rawSystem(`${statuses.map(informational).join('')}${ok}`);
    const pool = poolFor(system.baseUrl);
    expect(await pool.post('/sync', '{}', contextOf())).toBe('taken');
    // The connection is as good as before.
    expect(await pool.post('/sync', '{}', contextOf())).toBe('taken');
    expect(system.sockets.size).toBe(1);
  });

  it('is passed over when it comes long before', async () => {
    const first = Promise.withResolvers<void>();
    await using system = await rawSystem(informational('100 Continue'), async (socket) => {
      await first.promise;
      socket.write(ok);
    });
    const receipt = poolFor(system.baseUrl).post('/sync', '{}', contextOf());
    setImmediate(first.resolve);
    expect(await receipt).toBe('taken');
  });
});

describe('what is no answer', () => {
  it.each([
    '101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket',
    '101 Switching Protocols',
    '099 What',
    '600 What',
    '999 What',
  ])('is retryable: %j', async (status) => {
    await using system = await rawSystem(`HTTP/1.1 ${status}\r\ncontent-length: 0\r\n\r\n`);
    expect(await postOutcome(system.baseUrl)).toMatchObject({ kind: 'retryable', code: 'HTTP_PARSE_ERROR' });
  });
});

describe('a content coding', () => {
  const text = `{"id":"é7","of":"${'x'.repeat(3_000)}"}`;
  const codings: [string, Buffer][] = [
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['deflate', deflateRawSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['gzip, br', brotliCompressSync(gzipSync(text))],
    ['identity', Buffer.from(text)],
  ];

  it('is not wanted', async () => {
    await using system = await answering(200);
    await poolFor(system.baseUrl).post('/sync', '{}', contextOf());
    expect(system.calls[0]?.headers).toMatchObject({ 'accept-encoding': 'identity' });
  });

  it.each(codings)('that was not requested is decoded: %s', async (coding, body) => {
    await using system = await externalSystem((response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    );
    expect(await postOutcome(system.baseUrl)).toBe(text);
  });

  it.each([
    ['gzip', gzipSync(Buffer.alloc(200_000_000))],
    ['br', brotliCompressSync(Buffer.alloc(20_000_000))],
    ['zstd', zstdCompressSync(Buffer.alloc(20_000_000))],
  ])('that unfolds into far more than is kept gives 64 KiB: %s', async (coding, body) => {
    await using system = await externalSystem((response) =>
      response.writeHead(200, { 'content-encoding': coding }).end(body),
    );
    const { signal } = new AbortController();
    const answer = await poolFor(system.baseUrl).request({ method: 'GET', path: '', signal });
    expect(answer.body).toEqual(Buffer.alloc(65_536));
  });

  it.each([
    ['gzip', Buffer.from([0x1f, 0x8b, 9, 0, 1, 2, 3, 0xff, 0xfe])],
    ['compress', Buffer.from([0x1f, 0x9d, 0x90, 0xff])],
    ['gzip, gzip, gzip, gzip', gzipSync(gzipSync(gzipSync(gzipSync('a'))))],
    ['', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0xff])],
    ['', Buffer.from('a\0b')],
  ])('that cannot be undone, or bytes that are not text, are no receipt: %j', async (coding, body) => {
    await using system = await externalSystem((response) =>
      response.writeHead(200, coding === '' ? {} : { 'content-encoding': coding }).end(body),
    );
    expect(await postOutcome(system.baseUrl)).toBe(`${body.byteLength} bytes that are not text`);
  });

  it('that is cut off is decoded up to the cut', async () => {
    const body = gzipSync(text).subarray(0, -9);
    await using system = await externalSystem((response) =>
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(body),
    );
    expect(await postOutcome(system.baseUrl)).toMatch(/^\{"id":"é7","of":"x+/);
  });

  it('of an answer without a body is nothing', async () => {
    await using system = await answering(200, { 'content-encoding': 'gzip' }, '');
    expect(await postOutcome(system.baseUrl)).toBe('');
  });
});

it('a receipt in Latin-1 is read as such', async () => {
  await using system = await externalSystem((response) =>
    response
      .writeHead(200, { 'content-type': 'text/plain; charset="ISO-8859-1"' })
      .end(Buffer.from('Jos\xe9', 'latin1')),
  );
  expect(await postOutcome(system.baseUrl)).toBe('José');
});

it('a body is sent with every method', async () => {
  await using system = await answering(200);
  const pool = poolFor(system.baseUrl);
  const { signal } = new AbortController();
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) await pool.request({ method, path: '/', body: 'é', signal });
  expect(system.calls).toMatchObject(
    ['POST', 'PUT', 'PATCH', 'DELETE'].map((method) => ({ method, body: 'é', headers: { 'content-length': '2' } })),
  );
});

it.each([
  [{ 'transfer-encoding': 'chunked' }, '/'],
  [{ Expect: '100-continue' }, '/'],
  [{ 'x-a': 'b\r\nc: d' }, '/'],
  [{ 'x a': 'b' }, '/'],
  [{}, '/a b'],
  [{}, '/a\r\nhost: b'],
  [{}, 'http://elsewhere.example/'],
])('a request with the headers %j and the path %j is not sent', async (headers, path) => {
  await using system = await answering(200);
  const { signal } = new AbortController();
  await expect(poolFor(system.baseUrl).request({ method: 'POST', path, headers, signal })).rejects.toMatchObject({
    kind: 'permanent',
    code: 'INVALID_REQUEST',
  });
  expect(system.calls).toEqual([]);
});

it('a request whose signal has aborted already is not sent', async () => {
  await using system = await answering(200);
  const signal = AbortSignal.abort();
  await expect(poolFor(system.baseUrl).post('/sync', '{}', contextOf({ signal }))).rejects.toMatchObject({
    code: 'ABORTED',
  });
  expect(system.calls).toEqual([]);
});

it('a request that waits for a connection ends with its signal too', async () => {
  await using system = await externalSystem(() => undefined);
  const pool = poolFor(system.baseUrl, { connections: 1 });
  const first = new AbortController();
  const second = new AbortController();
  const outcomes = [first, second].map(({ signal }) => pool.post('/sync', '{}', contextOf({ signal })));
  await system.called(1);
  second.abort();
  await expect(outcomes[1]).rejects.toMatchObject({ code: 'ABORTED' });
  first.abort();
  await expect(outcomes[0]).rejects.toMatchObject({ code: 'ABORTED' });
  expect(system.calls).toHaveLength(1);
});

it('a connection to a proxy that never responds is closed', async () => {
  const came = Promise.withResolvers<Socket>();
  const server = createServer(came.resolve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  // As Node itself has it when it is started with NODE_USE_ENV_PROXY.
  Object.assign(https.globalAgent, {
    options: { ...optionsOf(https.globalAgent), proxyEnv: { HTTPS_PROXY: `http://127.0.0.1:${port}` } },
  });
  onTestFinished(() => {
    Object.assign(https.globalAgent, { options: { ...optionsOf(https.globalAgent), proxyEnv: undefined } });
    server.close();
  });
  const connections = openConnections('https://system.example', { connections: 1, connect: {}, connectMs: 300 });
  onTestFinished(connections.destroy);
  const abort = new AbortController();
  const { signal } = abort;
  const asked = connections.request({ method: 'GET', path: '/', headers: {}, body: undefined, signal });
  const socket = await came.promise;
  const gone = once(socket.resume(), 'end');
  abort.abort();
  await expect(asked).rejects.toMatchObject({ code: 'ABORTED' });
  await gone;
});

const optionsOf = (agent: object) => (agent as { readonly options: object }).options;
