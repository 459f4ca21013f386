import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { BlockList, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ListenError, type ListenOptions, listen } from './listener.ts';
import { OPEN_REQUEST_BOUNDS } from './open-requests.ts';
import { TrustedAddresses } from './trusted-addresses.ts';

const answer: RequestListener = (request, response) => {
  // What connect-node does with the authority.
  new URL(`http://${request.headers[':authority'] ?? request.headers.host}${request.url}`);
  response.end('fine');
};

async function open(handler: RequestListener = answer, options: ListenOptions = {}) {
  const listener = await listen({ host: '127.0.0.1', port: 0 }, handler, options);
  onTestFinished(() => listener.close(0));
  return listener;
}

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

/** What comes back for these bytes until the hub ends the connection. */
async function send(port: number, bytes: string): Promise<string> {
  const socket = await dial(port);
  const said = text(socket).catch(() => '');
  socket.write(bytes, 'latin1');
  return said;
}

const get = (host: string, path = '/') => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

async function expectAlive(port: number): Promise<void> {
  expect(await send(port, get('localhost'))).toContain('fine');
}

describe('listening', () => {
  it('accepts HTTP/1.1 and HTTP/2 on one port, and says which one it is', async () => {
    const { port } = await open();
    expect(port).toBeGreaterThan(0);
    await expectAlive(port);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ':path': '/' });
    expect(await text(stream)).toBe('fine');
    session.close();
  });

  it('accepts connections only from the addresses that may call, where some are named', async () => {
    const only = (address: string) => {
      const list = new BlockList();
      list.addAddress(address);
      return list;
    };
    const callers = new TrustedAddresses(only('127.0.0.2'));
    const untrusted = Promise.withResolvers<readonly string[]>();
    const { port } = await open(answer, { callers, onUntrusted: (...said) => untrusted.resolve(said) });
    expect(await send(port, get('localhost'))).toBe('');
    expect(await untrusted.promise).toEqual(['127.0.0.1', 'it is none of trustedProxies']);
    callers.replace(only('127.0.0.1'));
    await expectAlive(port);
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    expect(await text(session.request({ ':path': '/' }))).toBe('fine');
    callers.replace(only('127.0.0.2'));
    await once(session, 'close');
  });

  it('says what to do when the port is taken, or the host is none', async () => {
    const { port } = await open();
    const taken = await listen({ host: '127.0.0.1', port }, answer).catch((error: unknown) => error);
    expect(taken).toBeInstanceOf(ListenError);
    expect((taken as ListenError).message).toContain(String(port));
    const nowhere = await listen({ host: '192.0.2.1', port: 0 }, answer).catch((error: unknown) => error);
    expect(nowhere).toBeInstanceOf(ListenError);
  });
});

describe('a client who sends what it must not', () => {
  it.each([
    ['a Host that is none', get('[')],
    ['another', get('a b')],
    ['a path that is none', get('localhost', '//[')],
    ['no HTTP at all', '\u0016\u0003\u0001garbage'],
    ['half a preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM'],
    ['frames that are none', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\u00ff'.repeat(100)}`],
    ['a bad chunk', 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
    ['headers without end', `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(100_000)}`],
  ])('%s ends at most its own connection', async (_what, bytes) => {
    const { port } = await open();
    const socket = await dial(port);
    socket.write(bytes, 'latin1');
    await Promise.race([once(socket, 'data'), once(socket, 'close'), expectAlive(port)]);
    socket.resetAndDestroy();
    await expectAlive(port);
  });

  it('a bad Host is answered with what is wrong', async () => {
    const { port } = await open();
    expect(await send(port, get('['))).toMatch(/^HTTP\/1\.1 400 .*"invalid_argument"/s);
  });

  it('a reset in the middle of an answer is its own business', async () => {
    const answering = Promise.withResolvers<void>();
    const { port } = await open((request, response) => {
      if (request.url !== '/long') return void response.end('fine');
      response.write('x'.repeat(1_000));
      answering.resolve();
      request.once('close', () => response.end('y'.repeat(1_000_000)));
    });
    const socket = await dial(port);
    socket.write(get('localhost', '/long'));
    await answering.promise;
    socket.resetAndDestroy();
    await expectAlive(port);
  });
});

describe('a request that is turned away, by Node itself unless it is asked', () => {
  const wishes = [
    { what: 'an Expect that is not met', headers: { ':method': 'POST', ':path': '/', expect: 'gold' }, status: 417 },
    { what: 'a CONNECT', headers: { ':method': 'CONNECT', ':authority': 'localhost' }, status: 405 },
    { what: 'a CONNECT to elsewhere', headers: { ':method': 'CONNECT', ':authority': 'a.example:443' }, status: 421 },
  ];

  it.each(wishes)('over HTTP/2 is answered, and its stream ends: $what', async ({ headers, status }) => {
    const { port } = await open();
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    const [answered] = await once(stream, 'response');
    stream.resume();
    // The client never ends its part.
    await once(stream, 'close');
    expect(answered[':status']).toBe(status);
  });

  it.each(wishes)('is measured over HTTP/2 as any other: $what', async ({ headers }) => {
    const { port } = await open(answer, {
      requests: { ...OPEN_REQUEST_BOUNDS, headerBytes: 512, connectionTurnedAway: 1 },
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.on('error', () => undefined);
    const closed = once(session, 'close');
    session.request({ ...headers, 'x-a': 'a'.repeat(600) }).on('error', () => undefined);
    await closed;
  });

  it('keeps no stream by a window that stays shut', async () => {
    const { port } = await open();
    const session = connectHttp2(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
    onTestFinished(() => session.destroy());
    const stream = session.request({ ':path': '/', ':authority': 'a.example' });
    stream.on('error', () => undefined);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(stream.closed).toBe(true);
  });

  it('an Expect that is not met is answered over HTTP/1.1, after it was asked for whom it is', async () => {
    const { port } = await open();
    const post = (host: string) => `POST / HTTP/1.1\r\nHost: ${host}\r\nExpect: gold\r\nContent-Length: 9\r\n\r\n`;
    expect(await send(port, post('localhost'))).toMatch(/^HTTP\/1\.1 417 .*"invalid_argument"/s);
    expect(await send(port, post('a.example'))).toMatch(/^HTTP\/1\.1 421 /);
  });
});

describe('a client who does not say in time what it wants', () => {
  const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
  it.each([
    ['nothing', ''],
    ['one byte', 'P'],
    ['half a preface', PREFACE.slice(0, 9)],
    ['a preface without settings', PREFACE],
    ['half of its headers', 'GET / HTTP/1.1\r\nHost: localhost\r\n'],
    ['half of the headers after an answer', 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HTTP/1.1\r\n'],
  ])('but %s loses its connection', async (_what, bytes) => {
    const { port } = await open(answer, { headersTimeoutMs: 50 });
    await send(port, bytes);
  });

  it('but drips headers loses its connection', async () => {
    const { port } = await open(answer, { headersTimeoutMs: 50 });
    const socket = await dial(port);
    socket.write('GET / HTTP/1.1\r\nX-A: ');
    const dripping = setInterval(() => socket.write('x'), 5);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(dripping);
  });

  it('and says it keeps its connection, and its long answers', async () => {
    const ended = Promise.withResolvers<void>();
    const { port } = await open(
      (request, response) => {
        if (request.url !== '/long') return void response.end('fine');
        response.write('x');
        void ended.promise.then(() => response.end('y'));
      },
      { headersTimeoutMs: 500 },
    );
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    await once(session, 'remoteSettings');
    const long = [session.request({ ':path': '/long' }), await dial(port)] as const;
    long[1].write(get('localhost', '/long'));
    const said = long.map((stream) => text(stream));
    // It begins later and is over by its time; theirs was over before.
    await send(port, 'P');
    await send(port, 'P');
    ended.resolve();
    expect(await said[0]).toBe('xy');
    expect(await said[1]).toContain('y');
    expect(await text(session.request({ ':path': '/' }))).toBe('fine');
  });
});

describe('closing', () => {
  it('waits for requests that run, and for no longer than its limit', async () => {
    const started = Promise.withResolvers<void>();
    const finish = Promise.withResolvers<void>();
    const listener = await open(async (_request, response) => {
      started.resolve();
      await finish.promise;
      response.end('late');
    });
    const said = send(listener.port, get('localhost'));
    await started.promise;
    const closed = listener.close(10_000);
    finish.resolve();
    expect(await said).toContain('late');
    await closed;
  });

  it('ends what does not end', async () => {
    const started = Promise.withResolvers<void>();
    const listener = await open(() => started.resolve());
    const said = send(listener.port, get('localhost'));
    await started.promise;
    await listener.close(20);
    expect(await said).toBe('');
  });
});
