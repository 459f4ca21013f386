import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { TcpProxy } from './tcp-proxy.ts';

/** Echoes, and ends when asked to. */
async function startEcho() {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, sockets };
}

let echo: Awaited<ReturnType<typeof startEcho>>;
let proxy: TcpProxy;

beforeEach(async () => {
  echo = await startEcho();
  proxy = await TcpProxy.start(echo.url);
  onTestFinished(() => proxy.close());
});

function dial(): { readonly socket: Socket; readonly said: () => string; readonly ending: Promise<string> } {
  const socket = connect({ port: Number(new URL(proxy.url).port), host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  let said = '';
  socket.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ending = new Promise<string>((resolve) => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
    socket.once('end', () => resolve('end'));
  });
  return { socket, said: () => said, ending };
}

const LONG = 'abcdefghij'.repeat(10);

describe('a proxy', () => {
  test('without a disturbance forwards bytes, and the end of either direction', async () => {
    const { socket } = dial();
    socket.end(LONG.repeat(10_000));
    expect(await text(socket)).toBe(LONG.repeat(10_000));
  });

  test('routes new connections to another address', async () => {
    const other = await startEcho();
    proxy.leadTo(other.url);
    const { socket, said } = dial();
    socket.write('x');
    await vi.waitUntil(() => said() === 'x', { interval: 1, timeout: 20_000 });
    expect([echo.sockets.size, other.sockets.size]).toEqual([0, 1]);
  });

  test('resets both ends', async () => {
    const { socket, said, ending } = dial();
    socket.write('x');
    await vi.waitUntil(() => said() === 'x', { interval: 1, timeout: 20_000 });
    proxy.resetAll();
    expect(await ending).toBe('ECONNRESET');
    await vi.waitUntil(() => echo.sockets.size === 0, { interval: 1, timeout: 20_000 });
  });

  test('forwards a reset of one end to the other', async () => {
    const { socket, said } = dial();
    socket.write('x');
    await vi.waitUntil(() => said() === 'x', { interval: 1, timeout: 20_000 });
    socket.resetAndDestroy();
    await vi.waitUntil(() => echo.sockets.size === 0, { interval: 1, timeout: 20_000 });
  });
});

describe('disturbed by', () => {
  test('a delay it forwards everything, later', async () => {
    proxy.disturb('to_client', { kind: 'delay', delayMs: 50 });
    const { socket } = dial();
    const startedAtMs = performance.now();
    socket.end(LONG);
    expect(await text(socket)).toBe(LONG);
    expect(performance.now() - startedAtMs).toBeGreaterThan(45);
  });

  test('a trickle it forwards everything, little by little', async () => {
    proxy.disturb('to_client', { kind: 'trickle', pieceBytes: 10, everyMs: 1 });
    const { socket } = dial();
    let pieces = 0;
    socket.on('data', () => {
      pieces += 1;
    });
    socket.end(LONG);
    expect(await text(socket)).toBe(LONG);
    expect(pieces).toBeGreaterThan(3);
  });

  test('a black hole it reads bytes and forwards none, and resets the connection once that is over', async () => {
    const { socket, said, ending } = dial();
    socket.write('x');
    await vi.waitUntil(() => said() === 'x', { interval: 1, timeout: 20_000 });
    proxy.disturb('to_server', { kind: 'black_hole' });
    socket.write(LONG);
    await vi.waitUntil(() => proxy.lostBytes === LONG.length, { interval: 1, timeout: 20_000 });
    const other = dial();
    proxy.heal();
    expect(await ending).toBe('ECONNRESET');
    expect(said()).toBe('x');
    other.socket.write('y');
    await vi.waitUntil(() => other.said() === 'y', { interval: 1, timeout: 20_000 });
  });

  test.for([0, 1, 37, 99])('a reset after %i bytes it forwards no more than those', async (afterBytes) => {
    proxy.disturb('to_client', { kind: 'reset', afterBytes });
    const { socket, said, ending } = dial();
    socket.write(LONG);
    expect(await ending).toBe('ECONNRESET');
    // What a reset overtakes may be lost with it.
    expect(LONG.slice(0, afterBytes)).toContain(said());
  });

  test('a half-close it ends one direction and continues the other', async () => {
    proxy.disturb('to_client', { kind: 'half_close', afterBytes: 37 });
    const { socket, said, ending } = dial();
    socket.write(LONG);
    expect(await ending).toBe('end');
    expect(said()).toBe(LONG.slice(0, 37));
    const [server] = echo.sockets;
    socket.write('more');
    await vi.waitUntil(() => server?.bytesRead === LONG.length + 4, { interval: 1, timeout: 20_000 });
  });
});
