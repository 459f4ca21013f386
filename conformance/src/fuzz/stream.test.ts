import { create, fromBinary, fromJsonString, toBinary, toJsonString } from '@bufbuild/protobuf';
import {
  PublishStreamRequestSchema,
  type PublishStreamResponse,
  PublishStreamResponseSchema,
  SyncService,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { request } from '../raw-request.ts';
import type { EventInit } from '../sync-client.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';
import { pathOf } from '../wire.ts';
import { expectKept, type SaidEvent, saidBy } from './accepted-event.ts';
import { inTime } from './deadline.ts';
import { useFuzzedHub } from './fuzzed-hub.ts';
import { mutated } from './mutation.ts';
import { rightEvent } from './right-event.ts';
import { CASES_AT_ONCE, runs, TIMEOUT_MS } from './runs.ts';

const hub = useFuzzedHub();

interface Codec {
  readonly name: string;
  readonly contentType: string;
  /** The messages of a stream, each in an envelope. */
  encode(events: readonly SaidMessage[]): Buffer;
  /** Each event of a message. @throws when it cannot be read */
  decode(message: Buffer): readonly SaidEvent[];
  results(message: Buffer): ReturnType<typeof readResults>;
}

type SaidMessage = ReturnType<typeof message>;
const message = (events: readonly EventInit[]) => create(PublishStreamRequestSchema, { events: [...events], until: 1 });
const Request = PublishStreamRequestSchema;
const Response = PublishStreamResponseSchema;

const proto = {
  encode: (messages: readonly SaidMessage[]) =>
    Buffer.concat(messages.map((said) => enveloped(Buffer.from(toBinary(Request, said))))),
  decode: (bytes: Buffer) => fromBinary(Request, bytes).events.map(saidBy),
  results: (bytes: Buffer) => readResults(fromBinary(Response, bytes)),
};
const codecs: readonly Codec[] = [
  { name: 'gRPC', contentType: 'application/grpc+proto', ...proto },
  { name: 'Connect', contentType: 'application/connect+proto', ...proto },
  {
    name: 'Connect in JSON',
    contentType: 'application/connect+json',
    encode: (messages) => Buffer.concat(messages.map((said) => enveloped(Buffer.from(toJsonString(Request, said))))),
    decode: (bytes) => fromJsonString(Request, bytes.toString(), { ignoreUnknownFields: true }).events.map(saidBy),
    results: (bytes) => readResults(fromJsonString(Response, bytes.toString())),
  },
];

/** By the place of each event: its id when it was accepted, the reason when it was refused. */
function readResults({ results }: PublishStreamResponse) {
  return results.map(({ index, result }) => {
    if (result.case === 'accepted') return { index: Number(index), id: result.value.eventId };
    expect(result.case).toBe('refused');
    if (result.case === 'refused') {
      expect(['EVENT_INVALID', 'EVENT_ID_CONFLICT', 'EVENT_TOO_LARGE']).toContain(result.value.reason);
      expect(result.value.message).not.toContain(PAYLOAD_MARKER);
    }
    return { index: Number(index), id: undefined };
  });
}
test.for(codecs)(
  'whatever is sent in a stream is rejected by field, or stored unchanged: $name',
  { timeout: TIMEOUT_MS },
  async (codec) => {
    let accepted = 0;
    const messages = fc.array(fc.array(rightEvent, { maxLength: 3 }).map(message), { minLength: 1, maxLength: 3 });
    const bodies = mutated(messages.map(codec.encode));
    const cases = fc.array(bodies, { minLength: CASES_AT_ONCE, maxLength: CASES_AT_ONCE });
    const property = fc.asyncProperty(cases, async (bodiesAtOnce) => {
      await Promise.all(
        bodiesAtOnce.map(async (body) => {
          const received = await publish(codec, body);
          expect(received.map(({ index }) => index)).toEqual(received.map((_, index) => index));
          const ids = received.filter(({ id }) => id !== undefined);
          accepted += ids.length;
          const said = ids.length === 0 ? [] : saidIn(codec, body);
          for (const { index, id } of ids) {
            const event = said[index];
            expect(event).toBeDefined();
            if (event !== undefined && id !== undefined) await expectKept(hub.client, id, event);
          }
        }),
      );
    });
    await fc.assert(property, runs(0.06));
    expect(accepted).toBeGreaterThan(0);
  },
);

/** Sends a stream and reads its results, and that it has an end with a status that the hub means. */
async function publish({ contentType, results }: Codec, body: Buffer) {
  const path = pathOf(SyncService.method.publishStream);
  const headers = { 'content-type': contentType, te: 'trailers' };
  const answer = await inTime(request(hub.address, { httpVersion: '2', path, headers, body }));
  if (answer === 'connection closed') throw new Error('the hub closed the connection on a stream');
  expect(answer.status).toBe(200);
  const parts = envelopes(answer.body);
  const end = parts.find(({ flags }) => (flags & 2) !== 0)?.content.toString();
  const status = end ?? JSON.stringify({ ...answer.headers, ...answer.trailers });
  expect(status).toMatch(/^\{/);
  expect(status).not.toContain('HUB_FAILED');
  expect(status).not.toContain(PAYLOAD_MARKER);
  if (end !== undefined)
    expect(JSON.parse(end).error?.code ?? 'ok').toMatch(
      /^(ok|invalid_argument|internal|resource_exhausted|unimplemented)$/,
    );
  else expect(Number({ ...answer.headers, ...answer.trailers }['grpc-status'])).toBeOneOf([0, 3, 8, 12, 13]);
  return parts.filter(({ flags }) => (flags & 2) === 0).flatMap(({ content }) => results(content));
}

/** The events up to the first message that cannot be read. */
function saidIn({ contentType, decode }: Codec, body: Buffer): readonly SaidEvent[] {
  const said: SaidEvent[] = [];
  for (const { flags, content } of envelopes(body)) {
    // Compressed, with no compression agreed on.
    if ((flags & 1) !== 0) break;
    // By Connect's protocol the end of a stream, with nothing in it that a request may say; gRPC has no such flag.
    if (contentType.startsWith('application/connect') && (flags & 2) !== 0) continue;
    try {
      said.push(...decode(content));
    } catch {
      break;
    }
  }
  return said;
}

function enveloped(content: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(content.byteLength, 1);
  return Buffer.concat([head, content]);
}

/** The whole envelopes at the beginning of a body. */
function envelopes(body: Buffer): readonly { readonly flags: number; readonly content: Buffer }[] {
  const parts = [];
  for (let rest = body; rest.byteLength >= 5; ) {
    const end = 5 + rest.readUInt32BE(1);
    if (end > rest.byteLength) break;
    parts.push({ flags: rest.readUInt8(0), content: rest.subarray(5, end) });
    rest = rest.subarray(end);
  }
  return parts;
}
