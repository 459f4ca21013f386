import { once } from 'node:events';
import {
  createServer as createHttp1Server,
  type IncomingMessage,
  request as requestHttp1,
  type ServerResponse,
} from 'node:http';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import type { Writable } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { ClientGone, type ReadBodyBounds, readBody } from './read-body.ts';

const bounds: ReadBodyBounds = { sizeBytesMax: 100_000, withinMs: 10_000 };
const undo: (() => void)[] = [];

afterEach(() => {
  for (const each of undo.splice(0)) each();
});

interface Upload {
  /** What the server is about to read. */
  readonly body: Promise<Uint8Array>;
  readonly client: Writable;
}

/** Opens a request whose body the test writes, to a server that reads it. */
async function upload(version: string, read: ReadBodyBounds, headers = {}): Promise<Upload> {
  const { promise, resolve } = Promise.withResolvers<{ body: Promise<Uint8Array> }>();
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    response.on('error', () => undefined);
    resolve({ body: readBody(request, read) });
  };
  const server: Server = version === 'HTTP/2' ? createHttp2Server(onRequest as never) : createHttp1Server(onRequest);
  undo.push(() => server.close());
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  const client = version === 'HTTP/2' ? openHttp2(port, headers) : openHttp1(port, headers);
  client.on('error', () => undefined);
  return { client, ...(await promise) };
}

function openHttp1(port: number, headers: Record<string, string>): Writable {
  const request = requestHttp1({ host: '127.0.0.1', port, method: 'POST', headers });
  undo.push(() => request.destroy());
  request.flushHeaders();
  return request;
}

function openHttp2(port: number, headers: Record<string, string>): Writable {
  const session = connect(`http://127.0.0.1:${port}`);
  undo.push(() => session.destroy());
  return session.request({ ':method': 'POST', ...headers });
}

describe.each(['HTTP/1.1', 'HTTP/2'])('a body over %s', (version) => {
  it('is read to its end, whatever pieces it comes in', async () => {
    const { client, body } = await upload(version, bounds);
    client.write('Zü');
    client.write(Buffer.alloc(50_000, 'x'));
    client.end('rich');
    const read = await body;
    expect(new TextDecoder().decode(read)).toBe(`Zü${'x'.repeat(50_000)}rich`);
    expect(read.buffer.byteLength).toBe(read.byteLength);
  });

  it('may be empty', async () => {
    const { client, body } = await upload(version, bounds);
    client.end();
    expect(await body).toEqual(new Uint8Array(0));
  });

  it('may be as large as the bound and no larger', async () => {
    const fits = await upload(version, bounds);
    fits.client.end(Buffer.alloc(100_000));
    expect((await fits.body).byteLength).toBe(100_000);
    const over = await upload(version, bounds);
    over.client.end(Buffer.alloc(100_001));
    await expect(over.body).rejects.toMatchObject({ reason: 'REQUEST_TOO_LARGE' });
  });

  it('is refused before it comes when it says that it is too large', async () => {
    const { body } = await upload(version, bounds, { 'content-length': '100001' });
    await expect(body).rejects.toMatchObject({ reason: 'REQUEST_TOO_LARGE' });
  });

  it('is refused when it does not end in time, though it never pauses for long', async () => {
    const { client, body } = await upload(version, { ...bounds, withinMs: 100 });
    const drip = setInterval(() => client.write('x'), 5);
    undo.push(() => clearInterval(drip));
    await expect(body).rejects.toMatchObject({ reason: 'REQUEST_TOO_SLOW' });
  });

  it('is never taken for complete when the client breaks it off', async () => {
    const { client, body } = await upload(version, bounds);
    client.write('half');
    // Not before the server has the first half.
    setImmediate(() => setImmediate(() => client.destroy()));
    await expect(body).rejects.toBeInstanceOf(ClientGone);
  });
});
