import { EventEmitter, once } from 'node:events';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { get as getHttps } from 'node:https';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ours, strangers } from '../../tls/certificates.fixture.ts';
import { type ListenOptions, listen } from './listener.ts';
import type { HttpHandler } from './messages.ts';
import type { TlsSource } from './tls-port.ts';

/** Names what the connection is. */
const answer: HttpHandler = ({ httpVersion }, response) => void response.end(`fine ${httpVersion}`);

async function open({
  tls = new Pair(),
  handler = answer,
  ...options
}: ListenOptions & { tls?: Pair; handler?: HttpHandler } = {}) {
  const listener = await listen({ host: '127.0.0.1', port: 0 }, handler, { ...options, tls });
  onTestFinished(() => listener.close(0));
  return { ...listener, tls, address: `https://127.0.0.1:${listener.port}` };
}

class Pair extends EventEmitter implements TlsSource {
  context: TlsSource['context'] = ours;
  asksClients = false;

  onChange(listener: (change: { readonly trust: boolean }) => void): void {
    this.on('change', listener);
  }

  turnTo(context: TlsSource['context'], trust = false): void {
    this.context = context;
    this.emit('change', { trust });
  }
}

const ca = [ours.cert, strangers.cert];

async function dial(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'connect');
  return socket;
}

async function dialTls(port: number, ALPNProtocols: string[] = []): Promise<TLSSocket> {
  const socket = connectTls({ port, host: '127.0.0.1', ca, ALPNProtocols });
  socket.on('error', () => undefined);
  onTestFinished(() => void socket.destroy());
  await once(socket, 'secureConnect');
  return socket;
}

function session(address: string, pair: Partial<typeof ours> = {}): ClientHttp2Session {
  const made = connectHttp2(address, { ca, ...pair });
  made.on('error', () => undefined);
  onTestFinished(() => made.destroy());
  return made;
}

async function get(address: string, headers: Record<string, string> = {}): Promise<string> {
  const [response] = await once(getHttps(address, { ca, headers, agent: false }), 'response');
  return `${response.statusCode} ${await text(response)}`;
}

const ask = (client: ClientHttp2Session) => text(client.request({ ':path': '/' }));

describe('a port with TLS', () => {
  it('speaks HTTP/1.1 and HTTP/2, by what the client says that it speaks', async () => {
    const { port, address } = await open();
    expect(await get(address)).toBe('200 fine 1.1');
    expect(await ask(session(address))).toBe('fine 2.0');
    const plain = await dialTls(port);
    plain.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect(await text(plain)).toContain('fine 1.1');
  });

  it('knows itself by https', async () => {
    const { port, address } = await open();
    expect(await get(address, { origin: `https://localhost:${port}` })).toBe('200 fine 1.1');
    expect(await get(address, { origin: `http://localhost:${port}` })).toMatch(/^403 /);
  });

  it('says so to a request in clear, and closes the connection of anything else', async () => {
    const { port, address } = await open();
    const inClear = await dial(port);
    inClear.write(`POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n${'x'.repeat(50_000)}`);
    expect(await text(inClear)).toMatch(/^HTTP\/1\.1 400 .*this port speaks TLS; call it by https:/s);
    for (const bytes of ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '\u0000\u0001', 'SSH-2.0-OpenSSH\r\n']) {
      const other = await dial(port);
      other.write(bytes);
      expect(await text(other).catch(() => '')).toBe('');
    }
    expect(await get(address)).toBe('200 fine 1.1');
  });

  it.each([
    ['nothing', ''],
    ['one byte', '\u0016'],
    ['the beginning of a handshake', '\u0016\u0003\u0001\u0002\u0000\u0001'],
    ['a request in clear that it keeps open', 'GET / HTTP/1.1\r\n'],
  ])('ends a connection that says %s', async (_what, bytes) => {
    const { port } = await open({ headersTimeoutMs: 50 });
    const socket = await dial(port);
    socket.write(bytes, 'latin1');
    await text(socket).catch(() => '');
  });

  it('ends a connection that drips its handshake', async () => {
    const { port } = await open({ headersTimeoutMs: 200 });
    const socket = await dial(port);
    socket.write('\u0016\u0003\u0001\u0002\u0000\u0001', 'latin1');
    const dripping = setInterval(() => socket.write('\u0000'), 50);
    onTestFinished(() => clearInterval(dripping));
    await text(socket).catch(() => '');
  }, 20_000);

  it.each([[['h2']], [['http/1.1']], [[]]])(
    'ends a connection that says nothing after its handshake (%j)',
    async (names) => {
      const { port } = await open({ headersTimeoutMs: 50 });
      const socket = await dialTls(port, names);
      await new Promise((resolve) => socket.resume().once('close', resolve));
    },
  );

  it('counts connections as one in clear does', async () => {
    const rejected = Promise.withResolvers<string>();
    const { port, address } = await open({
      connections: { inAll: 3, perAddress: 2 },
      onRejected: rejected.resolve,
    });
    const first = await dialTls(port);
    const second = session(address);
    expect(await ask(second)).toBe('fine 2.0');
    const third = await dial(port);
    expect(await rejected.promise).toBe('127.0.0.1');
    await text(third).catch(() => '');
    first.destroy();
    second.destroy();
    // Their places are free once the hub has seen them go.
    await expect.poll(() => get(address).catch(() => '')).toBe('200 fine 1.1');
  });

  it('closes when it is asked, though connections say nothing', async () => {
    const listener = await listen({ host: '127.0.0.1', port: 0 }, answer, { tls: new Pair() });
    const sockets = [await dial(listener.port), await dialTls(listener.port), await dialTls(listener.port, ['h2'])];
    await listener.close(20);
    await Promise.all(sockets.map((socket) => socket.destroyed || once(socket.resume(), 'close')));
  });

  it('shows another certificate from the next handshake on, and connections go on', async () => {
    const { port, address, tls } = await open();
    const before = session(address);
    expect(await ask(before)).toBe('fine 2.0');
    tls.turnTo(strangers);
    const shown = (await dialTls(port)).getPeerX509Certificate()?.toString();
    expect(shown).toBe(strangers.cert);
    expect(await ask(before)).toBe('fine 2.0');
    expect(before.closed).toBe(false);
  });

  it('asks clients with a certificate to come again when their authorities change, and no others', async () => {
    const tls = new Pair();
    tls.asksClients = true;
    tls.context = { ...ours, ca: ours.cert };
    const { address } = await open({ tls });
    const without = session(address);
    const known = session(address, ours);
    const gone = once(known, 'goaway');
    expect([await ask(without), await ask(known)]).toEqual(['fine 2.0', 'fine 2.0']);
    tls.turnTo({ ...ours, ca: strangers.cert }, true);
    await gone;
    expect(await ask(without)).toBe('fine 2.0');
    const stranger = session(address, ours);
    await once(stranger, 'close');
    expect(await ask(session(address, strangers))).toBe('fine 2.0');
  });
});
