import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Bystander, type Toll, tellToll, WORST_HUB_CPU_MS } from './bystander.ts';
import { HTTP2_PREFACE, SETTINGS } from './http2-frame.ts';
import { type Stack, startStack } from './stack.ts';
import { expectUnharmed } from './unharmed.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
let bystander: Bystander;
let sockets: Socket[];

beforeAll(async () => {
  // All of these come from one address.
  stack = await startStack({ hub: { limits: { connectionsPerAddress: 1_024 } } });
  bystander = await Bystander.open(stack.hub);
});
beforeEach(() => {
  sockets = [];
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await expectUnharmed(stack);
});
afterAll(async () => {
  bystander?.close();
  await stack?.close();
});

const MIB = 1_024 * 1_024;

function expectBearable({ beforeBytes, peakBytes, beside }: Toll): void {
  expect(beside.worstHubCpuMs).toBeLessThan(WORST_HUB_CPU_MS);
  expect(peakBytes - beforeBytes).toBeLessThan(128 * MIB);
}

async function dial(count: number): Promise<readonly Socket[]> {
  const { host, port } = stack.hub;
  const dialled = Array.from({ length: count }, () => connect({ host, port }));
  sockets.push(...dialled);
  await Promise.all(
    dialled.map((socket) => {
      const connected = once(socket, 'connect');
      socket.on('error', () => undefined);
      return connected;
    }),
  );
  return dialled;
}

/** Resolves once the bytes are out, or never will be. */
function write(socket: Socket, bytes: string | Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}

const HEADERS =
  'POST /sync HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nX-Filler: aaaaaaaaaaaaaaaaaaaaaaa';

test('500 clients that send their headers byte by byte do no harm', async ({ annotate }) => {
  const dialled = await dial(500);
  const toll = await bystander.beside(async () => {
    for (const byte of HEADERS) await Promise.all(dialled.map((socket) => write(socket, byte)));
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});

test('500 clients that send their preface byte by byte do no harm', async ({ annotate }) => {
  const dialled = await dial(500);
  const toll = await bystander.beside(async () => {
    for (const byte of HTTP2_PREFACE) await Promise.all(dialled.map((socket) => write(socket, byte)));
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});

test('500 clients that begin TLS are disconnected at once', async ({ annotate }) => {
  const toll = await bystander.beside(async () => {
    const dialled = await dial(500);
    const closed = dialled.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    for (const socket of dialled) socket.write(Buffer.from('16030100c8010000c40303', 'hex'));
    await Promise.all(closed);
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});

test('1,000 idle clients do no harm, and leave nothing behind', async ({ annotate }) => {
  const toll = await bystander.beside(async () => {
    const [silent, http2, http1] = [await dial(400), await dial(300), await dial(300)];
    await Promise.all(http2.map((socket) => write(socket, Buffer.concat([Buffer.from(HTTP2_PREFACE), SETTINGS]))));
    await Promise.all(
      http1.map(async (socket) => {
        await write(socket, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await once(socket, 'data');
      }),
    );
    expect(silent.some(({ closed }) => closed)).toBe(false);
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});

test('1,000 clients that connect and disconnect do no harm', async ({ annotate }) => {
  const toll = await bystander.beside(async () => {
    for (let round = 0; round < 10; round += 1) {
      for (const [index, socket] of (await dial(100)).entries()) {
        socket.write(index % 2 === 0 ? HEADERS : HTTP2_PREFACE);
        socket.resetAndDestroy();
      }
    }
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});

test('thousands of pipelined streams on one connection end that connection only', async ({ annotate }) => {
  const toll = await bystander.beside(async () => {
    const dialled = await dial(4);
    const closed = dialled.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
    const head = `POST ${pathOf(HealthService.method.watchHealth)} HTTP/1.1\r\nHost: localhost\r\n`;
    const body = 'Content-Type: application/connect+json\r\nContent-Length: 7\r\n\r\n\0\0\0\0\u0002{}';
    for (const socket of dialled) void write(socket, `${head}${body}`.repeat(5_000));
    await Promise.all(closed);
  });
  await annotate(tellToll(toll), 'toll');
  expectBearable(toll);
});
