import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { request } from '../raw-request.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';
import { expectKept, type SaidEvent } from './accepted-event.ts';
import { inTime } from './deadline.ts';
import { useFuzzedHub } from './fuzzed-hub.ts';
import { mutated, oddJson } from './mutation.ts';
import { CASES_AT_ONCE, runs, TIMEOUT_MS } from './runs.ts';

const hub = useFuzzedHub();

interface HttpCase {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

interface Format {
  readonly name: string;
  readonly cases: fc.Arbitrary<HttpCase>;
  /** What was said, of a request that was accepted. */
  readonly said: (sent: HttpCase) => SaidEvent;
}

type Members = Readonly<Record<string, unknown>>;

const data = fc
  .dictionary(fc.string({ maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 })
  .map((members) => ({ ...members, name: PAYLOAD_MARKER }));
const text = fc.string({ unit: 'grapheme', maxLength: 12 });

/** A value of a field that stands for none when it is absent or null. */
function stringOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

const plain = fc.record({ type: fc.constant('ProcessUpdated'), payload: data, id: fc.uuid(), key: text, source: text });
const structured = fc.record({
  specversion: fc.constant('1.0'),
  id: fc.uuid(),
  source: fc.constant('hms-api'),
  type: fc.constant('PolicyUpdated'),
  partitionkey: fc.constant('p-1'),
  data,
});

const formats: readonly Format[] = [
  {
    name: 'plain JSON',
    cases: oddJson(plain.map((event) => JSON.stringify(event))).map((body) => ({
      headers: { 'content-type': 'application/json' },
      body,
    })),
    said: ({ body }) => {
      const { type, id, source, key, payload }: Members = JSON.parse(body.toString());
      const said = { type: String(type), id: stringOf(id), source: stringOf(source), key: stringOf(key) };
      return { ...said, payload: payload === undefined ? { bytes: Buffer.of() } : { json: payload } };
    },
  },
  {
    name: 'a structured CloudEvent',
    cases: oddJson(structured.map((event) => JSON.stringify(event))).map((body) => ({
      headers: { 'content-type': 'application/cloudevents+json' },
      body,
    })),
    said: ({ body }) => {
      const event: Members = JSON.parse(body.toString());
      const { data: json = null } = event;
      // The names of attributes are taken in any case.
      const { type, id, source } = Object.fromEntries(
        Object.entries(event).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const said = { type: String(type), id: stringOf(id), source: stringOf(source) };
      return { ...said, payload: json === null ? { bytes: dataOf(event) } : { json } };
    },
  },
  {
    name: 'a binary CloudEvent',
    cases: fc
      .record({
        type: mutated(fc.constant(Buffer.from('Policy%20Updated'))),
        id: fc.uuid(),
        contentType: fc.constantFrom('text/plain', 'application/octet-stream', 'application/json', 'a/b;c="'),
        body: mutated(data.map((members) => Buffer.from(JSON.stringify(members)))),
      })
      .map(({ type, id, contentType, body }) => ({
        headers: {
          'ce-specversion': '1.0',
          'ce-id': id,
          'ce-source': 'hms-api',
          // What an HTTP client lets through.
          'ce-type': type
            .toString('latin1')
            .replaceAll(/[^\x20-\x7e]/g, '~')
            .slice(0, 200),
          'content-type': contentType,
        },
        body,
      })),
    said: ({ headers, body }) => ({
      type: decodeURIComponent((headers['ce-type'] ?? '').trim()),
      id: headers['ce-id'],
      source: 'hms-api',
      payload: { bytes: body },
    }),
  },
];

function dataOf({ data_base64: base64 }: Members): Buffer {
  return typeof base64 === 'string' ? Buffer.from(base64, 'base64') : Buffer.of();
}

describe('whatever is posted to /sync', () => {
  test.for(formats)('is rejected by field, or stored unchanged: $name', { timeout: TIMEOUT_MS }, async (format) => {
    let accepted = 0;
    let refused = 0;
    const cases = fc.array(format.cases, { minLength: CASES_AT_ONCE, maxLength: CASES_AT_ONCE });
    const property = fc.asyncProperty(cases, async (sent) => {
      await Promise.all(
        sent.map(async (one) => {
          const received = await post(one);
          if (received.status === 'refused') {
            refused += 1;
            expect(received.httpStatus).toBeOneOf([400, 409, 413, 415]);
            expect(received.reason).toMatch(/^[A-Z_]+$/);
            expect(received.message).not.toContain(PAYLOAD_MARKER);
            if (received.reason === 'EVENT_INVALID') expect(received.fields).not.toEqual([]);
          } else {
            accepted += 1;
            expect(received.httpStatus).toBeOneOf([200, 202, 502]);
            await expectKept(hub.client, received.event_id, format.said(one));
          }
        }),
      );
    });
    await fc.assert(property, runs(0.1));
    expect(accepted).toBeGreaterThan(0);
    expect(refused).toBeGreaterThan(0);
  });
});

async function post({ headers, body }: HttpCase) {
  const answer = await inTime(request(hub.address, { httpVersion: '1.1', path: '/sync?wait=5s', headers, body }));
  if (answer === 'connection closed') throw new Error('the hub closed the connection on a request');
  return { httpStatus: answer.status, ...JSON.parse(answer.body.toString()) };
}
