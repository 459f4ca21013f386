// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so
import { describe, expect, it } from 'vitest';
import { resolveReferences } from './references.ts';

const env = { TOKEN: 'hunter2', HOST: 'billing.example', EMPTY: '', NESTED: '${TOKEN}', $: 'x', DOLLAR: '$& $1 $$' };
const resolve = (value: unknown) => resolveReferences(value, 'config', env);

describe('references', () => {
  it('are replaced, several in one string', () => {
    expect(resolve('https://${HOST}/${TOKEN}?x=${HOST}')).toEqual({
      value: 'https://billing.example/hunter2?x=billing.example',
      missing: [],
    });
  });

  it('are replaced wherever a string stands', () => {
    const value = { list: ['${TOKEN}', { deep: [['${HOST}']] }], plain: 'text', number: 1, no: false, none: null };
    expect(resolve(value).value).toEqual({
      list: ['hunter2', { deep: [['billing.example']] }],
      plain: 'text',
      number: 1,
      no: false,
      none: null,
    });
  });

  it('are taken as they are, patterns and references in them included', () => {
    expect(resolve('${DOLLAR} ${NESTED}').value).toBe('$& $1 $$ ${TOKEN}');
  });

  it.each(['$TOKEN', '${}', '${1X}', '${A-B}', '$ {TOKEN}', '${TOKEN', '${ TOKEN }'])('are not %s', (text) => {
    expect(resolve(text)).toEqual({ value: text, missing: [] });
  });

  it.each(['NOT_SET', 'EMPTY', 'constructor', '__proto__'])('to ${%s} are missing', (name) => {
    expect(resolve({ list: ['', `\${${name}}`] }).missing).toEqual([
      `config.list.1: the environment variable ${name} is not set; set it and start the hub again`,
    ]);
  });

  it('that are missing are all named, and hold no value of the others', () => {
    const { missing } = resolve({ a: '${A} ${TOKEN} ${B}', b: ['${C}'] });
    expect(missing).toHaveLength(3);
    expect(missing.join()).not.toContain('hunter2');
  });

  it('leave the configuration that they stand in as it was', () => {
    const value = { token: '${TOKEN}' };
    resolve(value);
    expect(value).toEqual({ token: '${TOKEN}' });
  });
});

it('keeps a member named __proto__ a member', () => {
  const { value } = resolve(JSON.parse('{"__proto__":{"admin":"${TOKEN}"}}'));
  expect(Object.keys(value as object)).toEqual(['__proto__']);
  expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
});

it('takes the same object in two places, and refuses one that lies in itself', () => {
  const shared = { token: '${TOKEN}' };
  expect(resolve({ a: shared, b: [shared, shared] }).missing).toEqual([]);
  const circular: { self?: unknown } = {};
  circular.self = [circular];
  expect(() => resolve(circular)).toThrow('config.self.0: an alias (*name) stands for what it lies in');
});
