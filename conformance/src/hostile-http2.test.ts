import { create, type DescMessage, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { GetEventRequestSchema, SyncService, WatchAcksRequestSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, afterEach, beforeAll, describe, expect, type TestContext, test, vi } from 'vitest';
import { Bystander, type Toll, tellToll, WORST_HUB_CPU_MS } from './bystander.ts';
import { Http2Client } from './http2-client.ts';
import { frame, headerBlock, SETTINGS, setting } from './http2-frame.ts';
import { type Stack, startStack } from './stack.ts';
import { createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';
import { expectUnharmed, PAYLOAD_MARKER } from './unharmed.ts';
import { pathOf } from './wire.ts';

/** An attack takes some seconds, and many times as long on a busy machine. */
vi.setConfig({ testTimeout: 300_000 });

let stack: Stack;
let bystander: Bystander;

beforeAll(async () => {
  stack = await startStack();
  bystander = await Bystander.open(stack.hub);
});
afterAll(async () => {
  bystander?.close();
  await stack?.close();
});

afterEach(() => expectUnharmed(stack));

const MIB = 1_024 * 1_024;

async function expectBearable(deed: () => Promise<void>, { annotate }: TestContext, growthBytesMax = 256 * MIB) {
  const toll: Toll = await bystander.beside(deed);
  await annotate(tellToll(toll), 'toll');
  expect(toll.beside.worstHubCpuMs).toBeLessThan(WORST_HUB_CPU_MS);
  expect(toll.peakBytes - toll.beforeBytes).toBeLessThan(growthBytesMax);
}

const block = (path: string) =>
  headerBlock({
    ':method': 'POST',
    ':scheme': 'http',
    ':authority': 'localhost',
    ':path': path,
    'content-type': 'application/grpc+proto',
    te: 'trailers',
  });
const GET_EVENT = block(pathOf(SyncService.method.getEvent));
const WATCH_ACKS = block(pathOf(SyncService.method.watchAcks));

const END_STREAM = 1;
const END_HEADERS = 4;
const headers = (stream: number, payload: Buffer, flags = END_HEADERS) => frame({ type: 1, flags, stream, payload });

function data<Desc extends DescMessage>(stream: number, schema: Desc, message: MessageInitShape<Desc>): Buffer {
  const bytes = Buffer.from(toBinary(schema, create(schema, message)));
  const payload = Buffer.concat([Buffer.from([0, 0, 0, 0, bytes.byteLength]), bytes]);
  return frame({ type: 0, flags: END_STREAM, stream, payload });
}

interface Flood {
  readonly title: string;
  /** Said before it. */
  readonly opening?: readonly Buffer[];
  /** The frames of one round; a client has the stream numbers 1, 3, 5, ... */
  readonly round: (stream: number) => readonly Buffer[];
  readonly rounds: number;
  /** False: what the hub answers is not read. */
  readonly reads?: boolean;
}

/** More than the largest bound that HTTP/2 has for a list of headers in Node, in one entry of the dynamic table. */
const REMEMBERED = Buffer.concat([Buffer.of(0x40), headerBlock({ 'x-a': 'a'.repeat(3_900) }).subarray(1)]);

const floods: readonly Flood[] = [
  {
    title: 'streams that are reset at once',
    round: (stream) => [
      headers(stream, GET_EVENT),
      frame({ type: 3, flags: 0, stream, payload: Buffer.from([0, 0, 0, 8]) }),
    ],
    rounds: 5_000,
  },
  {
    title: 'streams that the hub has to reset',
    round: (stream) => [headers(stream, GET_EVENT), frame({ type: 8, flags: 0, stream, payload: Buffer.alloc(4) })],
    rounds: 5_000,
  },
  {
    title: 'headers that are continued for ever',
    opening: [headers(1, GET_EVENT, 0)],
    round: () => [frame({ type: 9, flags: 0, stream: 1, payload: headerBlock({ 'x-a': 'b' }) })],
    rounds: 50_000,
  },
  {
    title: 'headers that are continued by nothing',
    opening: [headers(1, GET_EVENT, 0)],
    round: () => [frame({ type: 9, flags: 0, stream: 1 })],
    rounds: 50_000,
  },
  {
    title: 'headers of megabytes in a few bytes',
    opening: [headers(1, Buffer.concat([GET_EVENT, REMEMBERED]))],
    // 62 is the newest entry of the dynamic table (RFC 7541, 2.3.3).
    round: (stream) => [headers(stream + 2, Buffer.concat([GET_EVENT, Buffer.alloc(4_000, 0x80 | 62)]))],
    rounds: 1_000,
  },
  {
    title: 'pings whose answers are not read',
    round: () => [frame({ type: 6, flags: 0, stream: 0, payload: Buffer.alloc(8) })],
    rounds: 100_000,
    reads: false,
  },
  { title: 'settings whose answers are not read', round: () => [SETTINGS], rounds: 100_000, reads: false },
  {
    title: 'windows that open and close',
    opening: [headers(1, WATCH_ACKS), data(1, WatchAcksRequestSchema, {})],
    round: (stream) => [
      setting(4, stream % 65_535),
      frame({ type: 8, flags: 0, stream: 1, payload: Buffer.of(0, 0, 0, 1) }),
    ],
    rounds: 20_000,
  },
  {
    title: 'data frames that hold nothing',
    opening: [headers(1, GET_EVENT)],
    round: () => [frame({ type: 0, flags: 0, stream: 1 })],
    rounds: 50_000,
  },
  {
    title: 'priorities',
    round: (stream) => [frame({ type: 2, flags: 0, stream, payload: Buffer.from([0, 0, 0, 0, 16]) })],
    rounds: 50_000,
  },
  {
    title: 'frames of an unknown type',
    round: () => [frame({ type: 99, flags: 0, stream: 0, payload: Buffer.from(PAYLOAD_MARKER) })],
    rounds: 50_000,
  },
];

/** How many connections, one after the other: an attacker whose connection is closed opens another. */
const CONNECTIONS = 2;
const ROUNDS_A_WRITE = 500;

async function flood({ opening = [], round, rounds, reads = true }: Flood): Promise<void> {
  const client = await Http2Client.open(stack.hub, { reads });
  await client.write(...opening);
  for (let sent = 0; sent < rounds && client.isOpen; sent += ROUNDS_A_WRITE) {
    const part = Array.from({ length: ROUNDS_A_WRITE }, (_, index) => round(2 * (sent + index) + 1));
    // A hub that no longer reads has had enough: it need not end the connection for that.
    await client.writeFor(200, ...part.flat());
  }
  client.close();
}

describe('a flood of', () => {
  test.for(floods)('$title does no harm', async (attack, context) => {
    await expectBearable(async () => {
      for (let connection = 0; connection < CONNECTIONS; connection += 1) await flood(attack);
    }, context);
  });
});

describe('headers that are referenced by HPACK index, on streams that never end, by clients that acknowledge no settings', () => {
  const ATTACKERS = 12;
  const STREAMS = 2_000;

  test.for([
    { title: '15 times, more than a request may have', times: 15 },
    { title: '3 times, as many as it may have', times: 3 },
  ])('$title, do no harm', async ({ times }, context) => {
    await expectBearable(async () => {
      const attackers = await Promise.all(Array.from({ length: ATTACKERS }, () => Http2Client.open(stack.hub)));
      const opening = headers(1, Buffer.concat([GET_EVENT, REMEMBERED]));
      const bomb = Buffer.concat([GET_EVENT, Buffer.alloc(times, 0x80 | 62)]);
      const rest = Array.from({ length: STREAMS - 1 }, (_, index) => headers(2 * index + 3, bomb));
      await Promise.all(attackers.map((attacker) => attacker.writeFor(2_000, opening, ...rest)));
      // Each of them is read to its end before this is answered.
      const client = createSyncClient(grpcJs.create(stack.hub.address));
      expect((await client.getHealth()).hub?.accepting).toBe(true);
      client.close();
      for (const attacker of attackers) attacker.close();
    }, context);
  });
});

describe('answers that are not read', () => {
  const ZERO_WINDOW = { settings: setting(4, 0) };

  test('of the largest events do no harm', async (context) => {
    const client = createSyncClient(grpcJs.create(stack.hub.address));
    const value = Buffer.from(PAYLOAD_MARKER.padEnd(256 * 1_024, '.'));
    const large = { type: 'ProcessUpdated', dataContentType: 'text/plain', payload: { case: 'data', value } } as const;
    const { accepted } = await client.publishAndWait(large);
    const id = accepted?.eventId ?? '';
    const attacker = await Http2Client.open(stack.hub, ZERO_WINDOW);
    await expectBearable(
      async () => {
        // More than the hub keeps of unread answers.
        for (let stream = 1; stream < 1_200; stream += 2) {
          await attacker.write(
            headers(stream, GET_EVENT),
            data(stream, GetEventRequestSchema, { id, includePayload: true, reason: 'test' }),
          );
        }
        // Events are read in the order in which they are asked for: this one after all of those.
        await client.getEvent(id);
      },
      context,
      1_024 * MIB,
    );
    // Those that were answered first made room for the others.
    expect(attacker.resets).toBeGreaterThan(0);
    attacker.close();
    client.close();
  });

  test('of watches of everything do no harm', async (context) => {
    const watcher = await Http2Client.open(stack.hub, ZERO_WINDOW);
    await expectBearable(async () => {
      for (let stream = 1; stream < 400; stream += 2) {
        await watcher.write(headers(stream, WATCH_ACKS), data(stream, WatchAcksRequestSchema, {}));
      }
      const client = createSyncClient(grpcJs.create(stack.hub.address));
      for (let event = 0; event < 20; event += 1) await client.publishAndWait({ type: 'ProcessUpdated' });
      client.close();
      expect(watcher.isOpen).toBe(true);
    }, context);
    watcher.close();
  });
});
