import { gzipSync } from 'node:zlib';
import { create, toBinary, toJsonString } from '@bufbuild/protobuf';
import { PublishAndWaitRequestSchema, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import type { Scene } from '../scene.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';
import { callWire, pathOf, type WireCall } from '../wire.ts';

/** Past any stack: each level takes several calls to read. */
const NESTING = 4_000;

/** More than the hub's bound of 4 MiB for one message. */
const HUGE_BYTES = 5 * 1024 * 1024;

/** 64 KiB that become 64 MiB. Spaces are no message, but the hub must not come so far as to see that. */
const GZIP_BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '));

/** Bytes that no client of the contract would send, each in its transport's own wrapping. */
export function describeBrokenBytes(scene: Scene): void {
  const { wire } = scene.kind;
  const isJson = wire.codec === 'json';

  const post = (call: Partial<WireCall> & Pick<WireCall, 'message'>) =>
    callWire(scene.stack.hub.address, { wire, path: pathOf(SyncService.method.publishAndWait), ...call });

  async function expectRefused(call: Partial<WireCall> & Pick<WireCall, 'message'>, ...codes: readonly string[]) {
    const { error } = await post(call);
    expect(codes).toContain(error?.code);
    expect(error?.message).not.toContain(PAYLOAD_MARKER);
  }

  /** A right message, but for its size. */
  function publishing(sizeBytes: number): Buffer {
    const value = Buffer.from(PAYLOAD_MARKER.padEnd(sizeBytes, '.'));
    const message = create(PublishAndWaitRequestSchema, { event: { type: 'T', payload: { case: 'data', value } } });
    return isJson
      ? Buffer.from(toJsonString(PublishAndWaitRequestSchema, message))
      : Buffer.from(toBinary(PublishAndWaitRequestSchema, message));
  }

  describe('refuses', () => {
    const broken = isJson
      ? [
          ['JSON that breaks off', `{"event":{"type":"T","json":{"name":"${PAYLOAD_MARKER}`],
          ['JSON that is no object', `["${PAYLOAD_MARKER}"]`],
          ['JSON with a number for the type', `{"event":{"type":7,"key":"${PAYLOAD_MARKER}"}}`],
          ['JSON with a text for the event', `{"event":"${PAYLOAD_MARKER}"}`],
          ['JSON with a time that is none', `{"event":{"type":"T","time":"${PAYLOAD_MARKER}"}}`],
          ['JSON with a time after the year 9999', '{"event":{"type":"T","time":"10000-01-01T00:00:00Z"}}'],
          ['JSON with bytes that are no base64', `{"event":{"type":"T","data":"${PAYLOAD_MARKER}~"}}`],
          ['JSON with NaN', `{"event":{"type":"T","json":{"${PAYLOAD_MARKER}":NaN}}}`],
          ['JSON with two payloads', `{"event":{"type":"T","json":{},"data":""}}`],
          ['nothing at all', ''],
          ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d])],
          ['JSON nested too deep', `{"event":{"type":"T","json":${'{"a":'.repeat(NESTING)}1${'}'.repeat(NESTING)}}}`],
        ]
      : [
          ['protobuf that breaks off', publishing(64).subarray(0, -8)],
          ['protobuf of the wrong kind', Buffer.from(`\u000f${PAYLOAD_MARKER}`)],
          ['protobuf with a length past its end', Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])],
          ['a type that is no UTF-8', Buffer.from([0x0a, 0x04, 0x1a, 0x02, 0xc3, 0x28])],
          ['protobuf nested too deep', nestedStruct(NESTING)],
        ];

    test.for(broken as [string, string | Buffer][])('%s', async ([, message]) => {
      // Servers of gRPC call protobuf that they cannot read INTERNAL; the JSON reader is the hub's own.
      await expectRefused({ message: Buffer.from(message) }, 'invalid_argument', ...(isJson ? [] : ['internal']));
    });

    test.runIf(isJson)('JSON that it cannot read, with the name of the field and the reason', async () => {
      const { error } = await post({ message: Buffer.from(`{"event":{"type":7,"key":"${PAYLOAD_MARKER}"}}`) });
      expect(error).toMatchObject({ code: 'invalid_argument', reason: 'REQUEST_INVALID', domain: 'hms-sync' });
      expect(error?.message).toContain('hms.sync.v1.SyncEvent.type');
    });

    test.runIf(isJson)('JSON in Latin-1, instead of decoding it as another text', async () => {
      const message = Buffer.from('{"event":{"type":"ProcessUpdated","json":{"name":"Müller"}}}', 'latin1');
      await expectRefused({ message }, 'invalid_argument');
    });

    test('a message of more than 4 MiB', async () => {
      // Over HTTP/1.1 the hub closes the connection on a body that it will not read; what it answered may then be lost.
      const lost = wire.httpVersion === '1.1' ? ['connection_closed'] : [];
      await expectRefused({ message: publishing(HUGE_BYTES) }, 'resource_exhausted', ...lost);
    });

    test('a small message that decompresses to more than 4 MiB', async () => {
      await expectRefused({ message: GZIP_BOMB, compression: 'gzip' }, 'resource_exhausted');
    });

    test('a message that claims to be gzip and is not', async () => {
      await expectRefused({ message: publishing(64), compression: 'gzip' }, 'invalid_argument', 'internal');
    });

    test('a content type of no supported protocol', async () => {
      for (const contentType of ['text/plain', 'application/xml', 'application/grpc+thrift', '', ';', 'a/b;c="']) {
        const { httpStatus, error } = await post({ message: publishing(64), contentType });
        expect([415, 404]).toContain(httpStatus);
        expect(error).toBeDefined();
      }
    });

    test.runIf(wire.protocol !== 'connect')('a message that claims to be 4 GiB long', async () => {
      const claim = { message: publishing(64), claimedLength: 0xff_ff_ff_ff };
      await expectRefused(claim, 'resource_exhausted', 'invalid_argument');
    });

    test.runIf(wire.protocol !== 'connect')('a message that is shorter than it claims', async () => {
      await expectRefused({ message: publishing(64), claimedLength: 1_000 }, 'invalid_argument', 'internal');
    });
  });
}

/**
 * A PublishAndWaitRequest in protobuf whose event.json is an object in an object in an object. Written by hand: no
 * encoder goes so deep.
 */
export function nestedStruct(levels: number): Buffer {
  let value = field(1, Buffer.alloc(0));
  for (let level = 0; level < levels; level += 1) {
    // Value.struct_value = 5 { Struct.fields = 1 { key = 1 "a", value = 2 <Value> } }
    const entry = Buffer.concat([field(1, Buffer.from('a')), field(2, value)]);
    value = field(5, field(1, entry));
  }
  // SyncEvent.type = 3, SyncEvent.json = 6; PublishAndWaitRequest.event = 1
  const struct = field(1, Buffer.concat([field(1, Buffer.from('a')), field(2, value)]));
  return field(1, Buffer.concat([field(3, Buffer.from('T')), field(6, struct)]));
}

/** A length-delimited field. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.byteLength), content]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return Buffer.from([...bytes, rest]);
}
