import fc from 'fast-check';

/** Changes bytes somewhere; the places are taken modulo their number. */
type Mutation = (bytes: Buffer) => Buffer;

/** Bytes that readers stumble over: no UTF-8, NUL, the largest varints and lengths, a surrogate half, a lone quote. */
const STUMBLING = [
  Buffer.from([0xff]),
  Buffer.from([0xc3, 0x28]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0x00]),
  Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0x7f, 0xff, 0xff, 0xff]),
  Buffer.from('"'),
  Buffer.from('\\ud800'),
  Buffer.from('1e999'),
  Buffer.from('{"a":'.repeat(100)),
  Buffer.alloc(2_000, 0x5b),
];

const place = fc.nat(100_000);

const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  place.map(
    (at): Mutation =>
      (bytes) =>
        bytes.subarray(0, at % (bytes.byteLength + 1)),
  ),
  fc.tuple(place, fc.nat(7)).map(
    ([at, bit]): Mutation =>
      (bytes) =>
        changed(bytes, at, (byte) => byte ^ (1 << bit)),
  ),
  fc.tuple(place, fc.nat(255)).map(
    ([at, value]): Mutation =>
      (bytes) =>
        changed(bytes, at, () => value),
  ),
  fc.tuple(place, fc.constantFrom(...STUMBLING)).map(
    ([at, more]): Mutation =>
      (bytes) =>
        spliced(bytes, at, { removed: 0, added: more }),
  ),
  fc.tuple(place, fc.uint8Array({ minLength: 1, maxLength: 16 })).map(
    ([at, more]): Mutation =>
      (bytes) =>
        spliced(bytes, at, { removed: 0, added: Buffer.from(more) }),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 16 })).map(
    ([at, removed]): Mutation =>
      (bytes) =>
        spliced(bytes, at, { removed, added: Buffer.alloc(0) }),
  ),
  // A part is said twice: a repeated field, a doubled member.
  fc.tuple(place, fc.integer({ min: 1, max: 40 })).map(
    ([at, length]): Mutation =>
      (bytes) => {
        const start = at % (bytes.byteLength + 1);
        return spliced(bytes, at, { removed: 0, added: bytes.subarray(start, start + length) });
      },
  ),
);

/** The right bytes with up to three changes; with none, one time in five. */
export function mutated(right: fc.Arbitrary<Buffer>): fc.Arbitrary<Buffer> {
  const none = fc.constant<Mutation[]>([]);
  const some = fc.array(mutation, { minLength: 1, maxLength: 3 });
  const mutations = fc.oneof({ weight: 1, arbitrary: none }, { weight: 4, arbitrary: some });
  return fc.tuple(right, mutations).map(([bytes, changes]) => changes.reduce((rest, change) => change(rest), bytes));
}

/** JSON texts that are no value of the kind that stood there. */
const ODD_VALUES = [
  'null',
  'true',
  '0',
  '-1',
  '1.5',
  '1e999',
  '-0',
  '9007199254740993',
  '""',
  '"\\ud800"',
  '"\\u0000"',
  '[]',
  '{}',
  '[[]]',
  '"9999-99-99T99:99:99Z"',
  '"315576000001s"',
  '"NaN"',
  '"DELIVERY_STATE_NONSENSE"',
  '{"@type":"x"}',
  `"${'x'.repeat(2_000)}"`,
  `${'['.repeat(300)}${']'.repeat(300)}`,
  `${'{"a":'.repeat(300)}1${'}'.repeat(300)}`,
];

/** A JSON text of which some values are others, before it is mutated as bytes. */
export function oddJson(right: fc.Arbitrary<string>): fc.Arbitrary<Buffer> {
  const swaps = fc.array(fc.tuple(fc.nat(20), fc.constantFrom(...ODD_VALUES)), { maxLength: 2 });
  const texts = fc.tuple(right, swaps).map(([text, changes]) => changes.reduce(swapValue, text));
  return fc.oneof(
    texts.map((text) => Buffer.from(text)),
    mutated(right.map((text) => Buffer.from(text))),
  );
}

function swapValue(text: string, [nth, value]: readonly [number, string]): string {
  const values = [...text.matchAll(/(?<=:)(?:"[^"]*"|[-\d.]+|true|false|null)/g)];
  const found = values[nth % Math.max(values.length, 1)];
  return found === undefined ? text : text.slice(0, found.index) + value + text.slice(found.index + found[0].length);
}

function changed(bytes: Buffer, at: number, change: (byte: number) => number): Buffer {
  const copy = Buffer.from(bytes);
  if (copy.byteLength > 0) copy[at % copy.byteLength] = change(copy[at % copy.byteLength] ?? 0);
  return copy;
}

function spliced(bytes: Buffer, at: number, { removed, added }: { removed: number; added: Buffer }): Buffer {
  const start = at % (bytes.byteLength + 1);
  return Buffer.concat([bytes.subarray(0, start), added, bytes.subarray(start + removed)]);
}
