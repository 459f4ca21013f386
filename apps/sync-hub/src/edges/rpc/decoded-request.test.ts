import { connect } from 'node:http2';
import { text } from 'node:stream/consumers';
import { create, type JsonObject, toBinary } from '@bufbuild/protobuf';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import {
  PublishAndWaitRequestSchema,
  PublishStreamRequestSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openAdminTestHub } from './admin-hub.fixture.ts';
import { callRaw, PROTOBUF_PROTOCOLS, PROTOCOLS, type Protocol, type RawCall } from './raw-rpc.fixture.ts';

const { publishAndWait, publishStream, watchAcks, getEvent } = SyncService.method;
const MESSAGE_BYTES = 4 * 1024 * 1024 - 64;

/** What a terminal obeys, as a stranger might send it: CSI, an override of the direction, a tag. */
const OBEYED = '\u009b\u202e\u{e0041}';

describe('what a caller sent is never raw in a JSON answer', () => {
  it('when an error names it', async () => {
    const { port } = await openAdminTestHub();
    const message = JSON.stringify({ id: OBEYED });
    const received = await callRaw({ port, method: getEvent, protocol: 'Connect JSON', message });
    expect(received.text).toContain('no event has the id');
    expect(received.text).not.toMatch(/\p{C}/u);
    expect(JSON.parse(received.text).message).toContain('\\u009b');
  });

  it('when nothing is at its path', async () => {
    const { port } = await openAdminTestHub();
    const session = connect(`http://127.0.0.1:${port}`);
    onTestFinished(() => session.destroy());
    const said = await text(session.request({ ':path': '/\u009b' }));
    expect(said).toContain('nothing is at /');
    expect(said).not.toMatch(/\p{C}/u);
  });

  it('when an answer holds it, which parses back to the same', async () => {
    const { port } = await openAdminTestHub();
    const key = 'k\u202ek';
    const published = JSON.stringify({ event: { id: 'marked', type: 'ProcessUpdated', key } });
    await callRaw({ port, method: publishAndWait, protocol: 'Connect JSON', message: published });
    const received = await callRaw({ port, method: getEvent, protocol: 'Connect JSON', message: '{"id":"marked"}' });
    expect(received.text).not.toContain('\u202e');
    expect(JSON.parse(received.text).event.key).toBe(key);
  });
});

/** A field of bytes: its number, then what is in it. */
function field(number: number, content: Uint8Array): Buffer {
  const length: number[] = [];
  let left = content.byteLength;
  for (; left > 127; left >>>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length, left]), content]);
}

/** Two million empty fields of this tag. */
const heap = (tag: number) => Buffer.alloc(MESSAGE_BYTES).map((_, index) => (index % 2 === 0 ? tag : 0));

/** A call's end, and what it cost in processor time. */
async function costOf(call: RawCall): Promise<{ code: string; text: string; cpuMs: number }> {
  const before = process.cpuUsage();
  const answer = await callRaw(call);
  const { user, system } = process.cpuUsage(before);
  return { ...answer, cpuMs: (user + system) / 1_000 };
}

function nested(levels: number): JsonObject {
  let json: JsonObject = {};
  for (let level = 1; level < levels; level += 1) json = { a: json };
  return json;
}

const published = (json: JsonObject) => ({
  event: { type: 'ProcessUpdated', payload: { case: 'json', value: json } } as const,
});
const encoded = (protocol: Protocol, json: JsonObject) =>
  protocol === 'Connect JSON'
    ? JSON.stringify({ event: { type: 'ProcessUpdated', json } })
    : toBinary(PublishAndWaitRequestSchema, create(PublishAndWaitRequestSchema, published(json)));

describe('a request of countless elements', () => {
  const heaps = [
    ['members of a Struct', publishAndWait, field(1, field(6, heap(0x0a)))],
    ['attributes', publishAndWait, field(1, heap(0x4a))],
    ['events', publishStream, heap(0x0a)],
    ['ids', watchAcks, heap(0x0a)],
    ['unknown fields', getEvent, heap(0x78)],
    ['fields of a filter', AdminService.method.listDeliveries, field(1, heap(0x78))],
    ['fields beside a configuration', AdminService.method.addAdapter, heap(0x7a)],
    ['unknown fields to a method that asks for nothing', HealthService.method.getHealth, heap(0x7a)],
  ] as const;
  const cases = PROTOBUF_PROTOCOLS.flatMap((protocol) => heaps.map((heap) => [protocol, ...heap] as const));
  it.each(cases)('over %s is refused before it is decoded: %s', async (protocol, _what, method, message) => {
    const { port } = await openAdminTestHub();
    const { code, cpuMs } = await costOf({ port, protocol, method, message, isZipped: true });
    expect(code).toBe('resourceexhausted');
    // Decoded, each takes 1,000 ms and more; the client's own work is in this too.
    expect(cpuMs).toBeLessThan(700);
  });

  it.each(['content-encoding', 'connect-content-encoding'])(
    'over gRPC is refused whatever the header %s says, which is another protocol\u2019s',
    async (name) => {
      const { port } = await openAdminTestHub();
      const message = field(1, field(6, heap(0x0a)));
      const call = { port, protocol: 'gRPC', method: publishAndWait, message, isZipped: true } as const;
      expect((await callRaw({ ...call, headers: { [name]: 'identity' } })).code).toBe('resourceexhausted');
    },
  );

  it('by HTTP GET is refused too', async () => {
    const { port } = await openAdminTestHub();
    const message = Buffer.from(await import('node:zlib').then(({ gzipSync }) => gzipSync(heap(0x78)))).toString(
      'base64url',
    );
    const query = `connect=v1&encoding=proto&compression=gzip&base64=1&message=${message}`;
    const answer = await fetch(`http://127.0.0.1:${port}/hms.sync.v1.SyncService/GetEvent?${query}`);
    expect(await answer.json()).toMatchObject({ code: 'resource_exhausted' });
  });

  const texts = [
    ['lists that open', '['.repeat(MESSAGE_BYTES)],
    ['objects that open', '{"a":'.repeat(MESSAGE_BYTES / 5)],
    ['empty lists', `{"event":{"json":{"a":[${'[],'.repeat(MESSAGE_BYTES / 3 - 20)}[]]}}}`],
    ['members that nobody knows', `{"x":[${'{},'.repeat(MESSAGE_BYTES / 3 - 20)}{}]}`],
    ['names', `{"event":{"json":{${'"":0,'.repeat(MESSAGE_BYTES / 5 - 20)}"":0}}}`],
  ] as const;
  it.each(texts)('over Connect JSON is refused before it is parsed: %s', async (_what, message) => {
    const { port } = await openAdminTestHub();
    const before = await costOf({ port, protocol: 'Connect JSON', method: publishAndWait, message, isZipped: true });
    expect(before.code).toMatch(/resourceexhausted|invalidargument/);
    expect(before.cpuMs).toBeLessThan(700);
  });
});

describe.each(Object.keys(PROTOCOLS) as Protocol[])('JSON over %s', (protocol) => {
  it('may be nested 64 levels deep, and is refused by its field when it is deeper', async () => {
    const hub = await openAdminTestHub();
    const call = { port: hub.port, protocol, method: publishAndWait };
    expect((await callRaw({ ...call, message: encoded(protocol, nested(64)) })).code).toBe('ok');
    for (const levels of [65, 150]) {
      const { code, text } = await callRaw({ ...call, message: encoded(protocol, nested(levels)) });
      expect(code).toBe('invalidargument');
      expect(text).toContain('event.json');
      expect(text).toContain('64 levels');
    }
  });
});

it('an event that is nested too deep is refused by itself; its stream goes on', async () => {
  const hub = await openAdminTestHub();
  const events = [published(nested(65)).event, published({ a: 1 }).event];
  const message = toBinary(PublishStreamRequestSchema, create(PublishStreamRequestSchema, { events }));
  const { code } = await callRaw({ port: hub.port, protocol: 'gRPC', method: publishStream, message });
  expect(code).toBe('ok');
  expect(hub.events).toHaveLength(1);
});

it.each(PROTOBUF_PROTOCOLS)(
  'bytes that are not a message are refused as the caller\u2019s fault over %s',
  async (protocol) => {
    const { port } = await openAdminTestHub();
    const message = Uint8Array.of(0x0a, 3, 0x1a, 1, 0xff);
    const { code, text } = await callRaw({ port, protocol, method: publishAndWait, message });
    expect(code).toBe('invalidargument');
    expect(text).toContain('event.type');
  },
);

describe('a number over Connect JSON that a double cannot hold', () => {
  it.each(['9007199254740993', '9007199254740993.0', '123456789012345.678', '1e400'])(
    'is refused with its field: %s',
    async (number) => {
      const hub = await openAdminTestHub();
      const message = `{"event":{"type":"ProcessUpdated","json":{"list":[1,{"amount":${number}}]}}}`;
      const call = { port: hub.port, protocol: 'Connect JSON', method: publishAndWait, message } as const;
      const { code, text } = await callRaw(call);
      expect(code).toBe('invalidargument');
      expect(text).toContain('event.json.list.1.amount');
      expect(text).not.toContain(number);
      expect(hub.events).toEqual([]);
    },
  );

  it('is any other than these, whose value stays', async () => {
    const hub = await openAdminTestHub();
    const message = '{"event":{"type":"ProcessUpdated","json":{"a":0.10,"b":1.00,"c":-0,"d":1E5}}}';
    const call = { port: hub.port, protocol: 'Connect JSON', method: publishAndWait, message } as const;
    expect((await callRaw(call)).code).toBe('ok');
    expect(new TextDecoder().decode(hub.events[0]?.data)).toBe('{"a":0.1,"b":1,"c":0,"d":100000}');
  });
});

it('JSON with a byte order mark is refused over Connect JSON', async () => {
  const { port } = await openAdminTestHub();
  const message = '\ufeff{"event":{"type":"ProcessUpdated"}}';
  const { code, text } = await callRaw({ port, protocol: 'Connect JSON', method: publishAndWait, message });
  expect(code).toBe('invalidargument');
  expect(text).toContain('byte order mark');
});

it.each(PROTOBUF_PROTOCOLS)(
  'the messages of a stream come each once and in their order, however they are cut, over %s',
  async (protocol) => {
    const hub = await openAdminTestHub();
    const [message, after] = ['first', 'second'].map((id) =>
      toBinary(
        PublishStreamRequestSchema,
        create(PublishStreamRequestSchema, { events: [{ id, type: 'ProcessUpdated' }] }),
      ),
    ) as [Uint8Array, Uint8Array];
    const call = { port: hub.port, protocol, method: publishStream, message, isZipped: true, after, pieceBytes: 7 };
    expect((await callRaw(call)).code).toBe('ok');
    expect(hub.events.map(({ id }) => id)).toEqual(['first', 'second']);
  },
);
