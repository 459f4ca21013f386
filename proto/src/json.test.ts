import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  canonicalJson,
  canonicalNumber,
  checkJson,
  isExactNumber,
  type Json,
  JsonError,
  NESTING_MAX,
  numberText,
  readJson,
  readJsonAsDoubles,
  readUtf8,
} from './json.ts';

const utf8 = new TextEncoder();

function errorOf(act: () => unknown): JsonError {
  try {
    act();
  } catch (error) {
    if (error instanceof JsonError) return error;
    throw error;
  }
  throw new Error('it was taken');
}

describe('a number', () => {
  it.each([
    ['9007199254740993', '9007199254740993', false],
    ['9007199254740993.0', '9007199254740993', false],
    ['9007199254740992', '9007199254740992', true],
    ['0.10', '0.1', true],
    ['1.00', '1', true],
    ['123456789012345.678', '123456789012345.678', false],
    ['-0', '0', true],
    ['-0.0e5', '0', true],
    ['1e400', '1e+400', false],
    ['1E5', '100000', true],
    ['1e21', '1e+21', true],
    ['12345e-10', '0.0000012345', true],
    ['1e-7', '1e-7', true],
    ['5e-324', '5e-324', true],
    ['1e-400', '1e-400', false],
    ['0.1000000000000000055511151231257827', '0.1000000000000000055511151231257827', false],
    ['0x1F', '31', true],
    ['0x20000000000001', '9007199254740993', false],
    ['0o17', '15', true],
    ['017', '17', true],
    ['+.5', '0.5', true],
    ['0xno', '0xno', false],
  ])('%s is %s by its value; a double holds it: %s', (source, value, isExact) => {
    expect(canonicalNumber(source)).toBe(value);
    expect(isExactNumber(source)).toBe(isExact);
  });

  it('that a double holds is written as JavaScript writes it', () => {
    const double = fc.double({ noDefaultInfinity: true, noNaN: true });
    fc.assert(
      fc.property(double, fc.nat({ max: 30 }), (value, digits) => {
        expect(canonicalNumber(String(value))).toBe(String(value));
        expect(canonicalNumber(value.toExponential())).toBe(String(value));
        expect(isExactNumber(value.toFixed(digits))).toBe(
          canonicalNumber(value.toFixed(digits)) === String(Number(value.toFixed(digits))),
        );
      }),
    );
  });

  it('costs little, however long it is', () => {
    const long = `1${'0'.repeat(2_000_000)}1`;
    expect(isExactNumber(long)).toBe(false);
    expect(readJson(`[${long}]`).inexactAt).toBe('0');
  });
});

describe('a document', () => {
  it('is read as JSON.parse reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(readJson(text).value).toEqual(JSON.parse(text));
        expect(readJsonAsDoubles(utf8.encode(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('gives back each member as it was written', () => {
    const text = '{"d": [1.0, {"b": "}\\""}] , "x":"\\\\","c":9007199254740993.0,"\\u0061" :\t{ "z":1,"y":0.10 }}';
    const document = readJson(text);
    expect(document.sourceOf('a')).toBe('{ "z":1,"y":0.10 }');
    expect(document.sourceOf('x')).toBe('"\\\\"');
    expect(document.sourceOf('c')).toBe('9007199254740993.0');
    expect(document.sourceOf('b')).toBeUndefined();
    expect(readJson('[{"a":1}]').sourceOf('a')).toBeUndefined();
  });

  it.each([
    ['{"a":1,"a":1}', 'a'],
    ['{"a":1,"\\u0061":2}', 'a'],
    ['{"":1,"":2}', '?'],
    ['{"list":[{"b":{}},{"b":[{}],"c":0,"b":{}}]}', 'list.1.b'],
    ['{"__proto__":1,"__proto__":2}', '__proto__'],
  ])('is refused when an object names a member twice: %s', (text, path) => {
    const twice = { code: 'repeated', path, message: 'is named twice in one object; name it once' };
    expect(errorOf(() => readJson(text))).toMatchObject(twice);
    expect(errorOf(() => checkJson(utf8.encode(text)))).toMatchObject(twice);
  });

  it('may name a member in several objects', () => {
    const text = '{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":3}}';
    expect(readJson(text).value).toEqual(JSON.parse(text));
  });

  it('gives back the members of any object so that they say the same', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1), (object, indent) => {
        const document = readJson(JSON.stringify(object, null, indent));
        for (const [name, value] of Object.entries(object)) {
          expect(JSON.parse(document.sourceOf(name) ?? '')).toEqual(JSON.parse(JSON.stringify(value)));
        }
      }),
    );
  });

  it('keeps a number that no double holds, and reports where it is', () => {
    const document = readJson('{"a":{"list":[1,{"n":9007199254740993}]},"b":1e400}');
    expect(document.inexactAt).toBe('a.list.1.n');
    expect(canonicalJson(document.value)).toBe('{"a":{"list":[1,{"n":9007199254740993}]},"b":1e+400}');
    const error = errorOf(() => readJsonAsDoubles('{"a":{"list":[1,{"n":9007199254740993}]}}'));
    expect(error).toMatchObject({ code: 'inexact', path: 'a.list.1.n' });
    expect(error.message).toContain('string');
  });

  it.each([
    ['{"a":1 "b":2}', 'is not JSON: unexpected character or end at position 7'],
    ['{"a":secret}', 'is not JSON'],
    ['{"a": " at position 3 (line 1 column 4)" secret', 'is not JSON: unexpected character or end at position 41'],
    ['{"a":1', 'is not JSON: unexpected character or end at position 6'],
    ['"\\', 'is not JSON'],
    [']]]}', 'is not JSON'],
    ['  ', 'is not JSON: it is empty'],
  ])('is rejected when it is broken, with the place and no quotation: %s', (text, message) => {
    expect(errorOf(() => readJson(text)).message).toContain(message);
    expect(errorOf(() => readJson(text)).message).not.toContain('secret');
  });

  it('is rejected when it is nested too deep, and soon', () => {
    const nested = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    expect(() => readJson(nested(NESTING_MAX))).not.toThrow();
    expect(errorOf(() => readJson(nested(NESTING_MAX + 1)))).toMatchObject({ code: 'too_deep' });
    expect(errorOf(() => readJson('['.repeat(4_000_000))).code).toBe('too_deep');
    expect(errorOf(() => readJson(`{"a":{"b":${nested(NESTING_MAX)}}}`)).path).toMatch(/^a\.b\.0\.0/);
  });

  it('is rejected when it holds too many values, before they are made', () => {
    const bounds = { valuesMax: 1_000 };
    expect(() => readJson(`[${'{},'.repeat(998)}{}]`, bounds)).not.toThrow();
    for (const many of ['[],', '{},', '1,', '"",', 'null,']) {
      const text = `{"a":[${many.repeat(1_400_000)}`;
      const beganAtMs = performance.now();
      expect(errorOf(() => readJson(text, bounds))).toMatchObject({ code: 'too_many', path: 'a.998' });
      expect(performance.now() - beganAtMs).toBeLessThan(200);
    }
  });

  it('names nothing of the sender that may not be shown', () => {
    const odd = JSON.stringify({ 'a secret\u001b[2J': { ok: 'N' } }).replace('"N"', '1e400');
    expect(readJson(odd).inexactAt).toBe('?.ok');
  });
});

describe('a text', () => {
  it('is UTF-8, or it is rejected with the place of the first wrong byte', () => {
    expect(readUtf8(utf8.encode('José \ufffd'))).toBe('José \ufffd');
    const whole = fc.string({ unit: 'grapheme' });
    const wrong = fc.constantFrom(
      [0xff],
      [0xc3],
      [0xe9, 0x41],
      [0xed, 0xa0, 0x80],
      [0xf0, 0x9f, 0x92],
      [0xc0, 0xaf],
      [0xef, 0xbf],
    );
    fc.assert(
      fc.property(whole, wrong, fc.constantFrom('', '"', ' z'), (before, bytes, after) => {
        fc.pre(!before.startsWith('\ufeff'));
        const place = utf8.encode(before).length;
        const text = Uint8Array.from([...utf8.encode(before), ...bytes, ...utf8.encode(after)]);
        expect(errorOf(() => readUtf8(text)).message).toContain(`byte offset ${place};`);
      }),
    );
  });

  it('with a byte order mark is rejected, as bytes and as text', () => {
    for (const marked of ['\ufeff{}', utf8.encode('\ufeff{}')]) {
      expect(errorOf(() => readJson(marked))).toMatchObject({
        code: 'not_text',
        message: expect.stringContaining('byte order mark'),
      });
    }
  });
});

describe('canonical JSON', () => {
  it.each([
    ['{"b":1,"a":[1.0,{"d":1e2,"c":-0}]}', ' { "a":[1,{"c":0,"d":100.0}] , "b":10E-1}'],
    ['9007199254740993', '9007199254740993.00'],
  ])('is the same for the same content: %s and %s', (one, other) => {
    expect(canonicalJson(readJson(one).value)).toBe(canonicalJson(readJson(other).value));
  });

  it('differs for numbers that only a double takes for the same', () => {
    const [one, other] = ['9007199254740993', '9007199254740992'].map((text) => canonicalJson(readJson(text).value));
    expect(one).not.toBe(other);
  });

  it('is rejected for a number that JSON does not know and for what is nested too deep', () => {
    expect(errorOf(() => canonicalJson({ a: [Number.NaN] })).path).toBe('a.0');
    let deep: Json = 1;
    for (let level = 0; level < 100_000; level += 1) deep = { a: deep };
    expect(errorOf(() => canonicalJson(deep)).code).toBe('too_deep');
  });
});

it('a number is written out by its value', () => {
  expect([1, 1e21, { rawJSON: '1e+400' }].map(numberText)).toEqual(['1', '1e+21', '1e+400']);
});
