import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import type { EventInit } from '../sync-client.ts';
import { PAYLOAD_MARKER } from '../unharmed.ts';

const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength: maxLength / 16 });
const name = fc.stringMatching(/^[a-z0-9_-]{1,20}$/);

/** As JSON writes it back: no -0, which becomes 0 on its way. */
const json = fc
  .dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 4 })
  .map((members): JsonObject => JSON.parse(JSON.stringify({ ...members, name: PAYLOAD_MARKER })));

/** Of no content type, which makes it JSON: with any whitespace, and numbers that no double holds. */
const jsonBytes = fc
  .tuple(json, fc.constantFrom('', ' ', '\n\t'), fc.constantFrom('0.10', '9007199254740993', '1E400', '-0'))
  .map(([value, space, number]) => Buffer.from(`[${JSON.stringify(value, null, space)},${number}]`));

const payload: fc.Arbitrary<NonNullable<EventInit['payload']>> = fc.oneof(
  fc.constant({ case: undefined }),
  json.map((value) => ({ case: 'json', value }) as const),
  jsonBytes.map((value) => ({ case: 'data', value }) as const),
);

/** Events as a publisher means them; nearly all of them right. An id of its own each, so that none is a duplicate. */
export const rightEvent: fc.Arbitrary<EventInit> = fc.record({
  id: fc.oneof(fc.constant(''), fc.uuid()),
  type: fc.constantFrom('ProcessUpdated', 'PolicyUpdated', 'Zustand geändert'),
  source: text(256),
  key: text(256),
  time: fc
    .date({ min: new Date(0), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
    .map((date) => ({ seconds: BigInt(Math.floor(date.getTime() / 1_000)), nanos: (date.getTime() % 1_000) * 1e6 })),
  payload,
  attributes: fc.dictionary(name, fc.string({ maxLength: 20 }), { maxKeys: 3 }),
});
