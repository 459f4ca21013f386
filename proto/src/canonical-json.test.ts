import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, type Json, JsonError } from './json.ts';

const json = fc.jsonValue({ noUnicodeString: false }) as fc.Arbitrary<Json>;

/** The same value with the members of every object the other way round. */
function reversed(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([name, member]) => [name, reversed(member)]),
  );
}

describe('canonical JSON', () => {
  it('says the same as the value', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it('is the same however members are ordered', () => {
    fc.assert(fc.property(json, (value) => canonicalJson(reversed(value)) === canonicalJson(value)));
  });

  it('is JSON.stringify for a value whose members are in order', () => {
    fc.assert(
      fc.property(json, (value) => {
        const text = canonicalJson(value);
        // An engine puts names that are numbers first, so only texts without them can be compared.
        fc.pre(!/"\d+":/.test(text));
        expect(text).toBe(JSON.stringify(JSON.parse(text)));
      }),
    );
  });

  it('distinguishes values that differ', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const isSame = isDeepStrictEqual(JSON.parse(JSON.stringify(a)), JSON.parse(JSON.stringify(b)));
        expect(canonicalJson(a) === canonicalJson(b)).toBe(isSame);
      }),
    );
  });

  it('sorts names by their UTF-16 units, numbers among them', () => {
    expect(canonicalJson({ b: 1, '10': 2, a: 3, '9': 4, B: 5, é: 6 })).toBe('{"10":2,"9":4,"B":5,"a":3,"b":1,"é":6}');
  });

  it('keeps a member named __proto__', () => {
    expect(canonicalJson(JSON.parse('{"b":1,"__proto__":{"z":1,"a":2}}'))).toBe('{"__proto__":{"a":2,"z":1},"b":1}');
  });

  it('writes half a surrogate pair as an escape, which UTF-8 can carry', () => {
    expect(canonicalJson({ '\ud800': '\udc00' })).toBe('{"\\ud800":"\\udc00"}');
  });

  it('writes -0 as 0, as JSON does', () => {
    expect(canonicalJson([-0])).toBe('[0]');
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('rejects %s at any depth', (number) => {
    expect(() => canonicalJson({ a: [{ b: number }] })).toThrow(JsonError);
  });

  it('rejects what is nested deeper than the stack, which ends nothing', () => {
    let value: Json = [];
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    expect(() => canonicalJson(value)).toThrow(JsonError);
  });
});
