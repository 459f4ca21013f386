import { once } from 'node:events';
import { connect as connectHttp2, constants } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { frame, HTTP2_PREFACE, SETTINGS } from './http2-frame.ts';
import { type Stack, startStack } from './stack.ts';
import { createSyncClient, first } from './sync-client.ts';
import { transports } from './transports/every-transport.ts';
import { expectUntouched } from './unharmed.ts';
import { pathOf } from './wire.ts';

let stack: Stack;
let expectNothing: () => Promise<void>;

beforeAll(async () => {
  stack = await startStack();
});
beforeEach(async () => {
  expectNothing = await expectUntouched(stack);
});
afterEach(() => expectNothing());
afterAll(() => stack?.close());

/** Random bytes of the suite's seed. */
function noise(byteLength: number): Buffer {
  const [bytes] = fc.sample(fc.uint8Array({ minLength: byteLength, maxLength: byteLength }), 1);
  return Buffer.from(bytes ?? []);
}

/** Sends bytes, says that no more come, and waits until the hub has closed its side too. */
async function send(...parts: readonly (string | Buffer)[]): Promise<void> {
  const socket = connect({ port: stack.hub.port, host: stack.hub.host, allowHalfOpen: true });
  const closed = readAll(socket);
  for (const part of parts) socket.write(part);
  socket.end();
  await closed;
}

/** Sends a request that asks for the connection to be closed, and reads until it is. */
async function exchange(request: string): Promise<string> {
  const socket = connect({ port: stack.hub.port, host: stack.hub.host });
  const received = readAll(socket);
  socket.write(request);
  return (await received).toString('latin1');
}

function readAll(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  return new Promise((resolve) => {
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A reset is a way to close, too.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => resolve(Buffer.concat(chunks)));
  });
}

const getEvent = pathOf(SyncService.method.getEvent);

/** What would be right, but for its authority or path. */
function http1(lines: readonly string[], target: string = getEvent): string {
  const body = '{"id":"nobody"}';
  const head = [`POST ${target} HTTP/1.1`, ...lines, 'Content-Type: application/json', 'Connection: close'];
  return [...head, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

const AUTHORITIES = ['[', ']', '[::1', 'a b', '%', '%zz', 'a:99999', 'a:b', ':', '//', '@', '<>', '\\', 'é', '.', '?#'];
const TARGETS = ['//', '//[', '/[', '*', '/%', '/%zz%', 'http://[', 'http://', 'x', `${getEvent}?%`, '/?//['];

describe('HTTP/1.1', () => {
  test.for(AUTHORITIES)('with the Host "%s" is answered by an HTTP error', async (host) => {
    const answer = await exchange(http1([`Host: ${host}`]));
    // 421 for one that is odd and still a name.
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|21) /);
  });

  test.for([
    ['without a Host', []],
    ['with an empty Host', ['Host:']],
    ['with a Host of 4,000 characters', [`Host: ${'x'.repeat(4_000)}`]],
    ['with two Hosts', ['Host: localhost', 'Host: localhost']],
    ['with a line that is not a header', ['Host: localhost', 'no header']],
    ['with a control character in a header', ['Host: localhost', 'X-A: \u0001']],
    ['with 64 KiB of headers', ['Host: localhost', `X-A: ${'x'.repeat(65_536)}`]],
    ['with two lengths', ['Host: localhost', 'Content-Length: 3']],
    ['with a length and chunks', ['Host: localhost', 'Transfer-Encoding: chunked']],
    ['with an invalid length', ['Host: localhost', 'Content-Length: -1']],
  ] as const)('%s is answered by an HTTP error', async ([, lines]) => {
    expect(await exchange(http1(lines))).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test.for(TARGETS)('for the target "%s" is answered by an HTTP error', async (target) => {
    expect(await exchange(http1(['Host: localhost'], target))).toMatch(/^HTTP\/1\.1 4\d\d /);
  });

  test('of any method is answered', async () => {
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH']) {
      for (const path of [getEvent, '/', '/sync', '/healthz']) {
        const answer = await exchange(`${method} ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        expect(answer, `${method} ${path}`).toMatch(/^HTTP\/1\.1 [24]\d\d /);
      }
    }
  });

  test('with malformed chunks ends its own connection', async () => {
    const head = `POST ${getEvent} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
    await send(head, 'zz\r\nnonsense\r\n0\r\n\r\n');
  });

  test('that asks for an upgrade to another protocol ends its own connection', async () => {
    const upgrade = ['Host: localhost', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'];
    await send(http1([...upgrade, 'Connection: Upgrade, HTTP2-Settings']));
    await send(http1(['Host: localhost', 'Upgrade: websocket', 'Connection: Upgrade']));
    await send('CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n');
  });
});

describe('HTTP/2', () => {
  /** The status of the answer; 0 when the hub's HTTP/2 itself refused the stream. */
  async function ask(headers: Record<string, string>): Promise<number> {
    const session = connectHttp2(stack.hub.address);
    const right = { ':method': 'POST', ':path': getEvent, 'content-type': 'application/json' };
    const stream = session.request({ ...right, ...headers });
    try {
      const answered = once(stream, 'response');
      stream.end('{"id":"nobody"}');
      stream.resume();
      const [{ ':status': status }] = await answered;
      return Number(status);
    } catch (error) {
      if (stream.rstCode === constants.NGHTTP2_PROTOCOL_ERROR) return 0;
      throw error;
    } finally {
      session.destroy();
    }
  }

  test.for(AUTHORITIES)('with the :authority "%s" is rejected', async (authority) => {
    expect(await ask({ ':authority': authority })).toSatisfy(isRefusal);
  });

  test('with an empty :authority is rejected', async () => {
    expect(await ask({ ':authority': '' })).toSatisfy(isRefusal);
  });

  test('without an :authority and with a bad Host is rejected', async () => {
    expect(await ask({ host: '[' })).toSatisfy(isRefusal);
  });

  test.for(TARGETS)('for the :path "%s" is answered by an HTTP error', async (path) => {
    expect(await ask({ ':path': path })).toSatisfy(isRefusal);
  });

  // POST, http, /: three entries of HPACK's static table.
  const headers = Buffer.from([0x83, 0x86, 0x84]);
  const broken: readonly [string, readonly (string | Buffer)[]][] = [
    ['a preface that breaks off', [HTTP2_PREFACE.slice(0, 14)]],
    ['a preface with a mistake', [HTTP2_PREFACE.replace('SM', 'SX')]],
    ['a preface alone', [HTTP2_PREFACE]],
    ['a preface and noise', [HTTP2_PREFACE, noise(4_096)]],
    [
      'a frame that claims 16 MiB',
      [HTTP2_PREFACE, SETTINGS, frame({ type: 0, flags: 0, stream: 1, claimedLength: 0xffffff })],
    ],
    [
      'data for a stream that is not open',
      [HTTP2_PREFACE, SETTINGS, frame({ type: 0, flags: 1, stream: 1, payload: Buffer.alloc(16) })],
    ],
    [
      'headers that are no HPACK',
      [HTTP2_PREFACE, SETTINGS, frame({ type: 1, flags: 5, stream: 1, payload: Buffer.alloc(64, 0xff) })],
    ],
    ['headers on an even stream', [HTTP2_PREFACE, SETTINGS, frame({ type: 1, flags: 5, stream: 2, payload: headers })]],
    ['headers without end', [HTTP2_PREFACE, SETTINGS, frame({ type: 1, flags: 0, stream: 1, payload: headers })]],
    [
      'a window past its bound',
      [
        HTTP2_PREFACE,
        SETTINGS,
        ...twice(frame({ type: 8, flags: 0, stream: 0, payload: Buffer.from([0x7f, 0xff, 0xff, 0xff]) })),
      ],
    ],
    ['settings of a wrong size', [HTTP2_PREFACE, frame({ type: 4, flags: 0, stream: 0, payload: Buffer.alloc(5) })]],
  ];
  test.for(broken)('with %s ends its own connection', async ([, parts]) => {
    await send(...parts);
  });

  test('that opens and resets 5,000 streams ends its own connection', async () => {
    const open = (stream: number) => frame({ type: 1, flags: 5, stream, payload: headers });
    const reset = (stream: number) => frame({ type: 3, flags: 0, stream, payload: Buffer.from([0, 0, 0, 8]) });
    const flood = Array.from({ length: 5_000 }, (_, index) => [open(2 * index + 1), reset(2 * index + 1)]).flat();
    await send(HTTP2_PREFACE, SETTINGS, Buffer.concat(flood));
  });

  test('that pings and changes its settings 10,000 times ends its own connection', async () => {
    const ping = frame({ type: 6, flags: 0, stream: 0, payload: Buffer.alloc(8) });
    await send(HTTP2_PREFACE, SETTINGS, Buffer.concat(Array.from({ length: 5_000 }, () => [ping, SETTINGS]).flat()));
  });
});

describe('neither protocol', () => {
  const garbage: readonly [string, string | Buffer][] = [
    ['nothing', ''],
    ['one byte', 'P'],
    ['zeros', Buffer.alloc(4_096)],
    ['noise', noise(65_536)],
    ['the beginning of TLS', Buffer.from('16030100c8010000c40303', 'hex')],
    ['a SOCKS greeting', Buffer.from([5, 1, 0])],
    ['a line of another protocol', 'EHLO clinic.example\r\n'],
    ['a PROXY line', 'PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n'],
  ];
  test.for(garbage)('%s ends its own connection', async ([, bytes]) => {
    await send(bytes);
  });
});

describe('clients that leave', () => {
  const streaming = transports.filter(({ features }) => features.serverStreams);

  test.for(streaming)('100 times in the middle of a stream do no harm: $name', async (kind) => {
    const leave = async () => {
      const client = createSyncClient(kind.create(stack.hub.address));
      const [acks, health] = await Promise.all([first(client.watchAcks({})), first(client.watchHealth())]);
      client.close();
      expect(acks.acks).toEqual([]);
      expect(health.hub?.accepting).toBe(true);
    };
    for (let round = 0; round < 10; round += 1) await Promise.all(Array.from({ length: 10 }, leave));
  });

  test('100 times in the middle of a request do no harm', async () => {
    const head = http1(['Host: localhost'], pathOf(HealthService.method.watchHealth)).slice(0, -10);
    const sockets = Array.from({ length: 100 }, () => connect({ port: stack.hub.port, host: stack.hub.host }));
    await Promise.all(
      sockets.map(async (socket, index) => {
        await once(socket, 'connect');
        socket.write(index % 2 === 0 ? head : HTTP2_PREFACE);
        socket.resetAndDestroy();
      }),
    );
  });
});

function isRefusal(status: number): boolean {
  return status === 0 || (status >= 400 && status < 500);
}

function twice<Item>(item: Item): readonly Item[] {
  return [item, item];
}
