// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references are written so
import { describe, expect, it } from 'vitest';
import { referencesIn, rejectedReferences, resolveReferences } from './references.ts';

const env = { TOKEN: 'hunter2', HOST: 'billing.example', EMPTY: '', NESTED: '${TOKEN}', $: 'x', DOLLAR: '$& $1 $$' };
const resolve = (value: unknown) => resolveReferences(value, 'config', { folder: undefined, env });

describe('references', () => {
  it('are replaced, several in one string', () => {
    expect(resolve('https://${HOST}/${TOKEN}?x=${HOST}')).toEqual({
      value: 'https://billing.example/hunter2?x=billing.example',
      missing: [],
    });
  });

  it('are replaced wherever there is a string', () => {
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

  it('leave the configuration that they are in as it was', () => {
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

it('accepts the same object in two places, and refuses one that contains itself', () => {
  const shared = { token: '${TOKEN}' };
  expect(resolve({ a: shared, b: [shared, shared] }).missing).toEqual([]);
  const circular: { self?: unknown } = {};
  circular.self = [circular];
  expect(() => resolve(circular)).toThrow('config.self.0: an alias (*name) refers to a node that contains it');
});

it('are listed by name, each once', () => {
  expect(referencesIn({ url: 'https://${HOST}/${PATH}', list: ['${HOST}', { a: '${A}' }, 5, '$HOME'] })).toEqual([
    ...['A', 'HOST', 'PATH'],
  ]);
});

describe('references of an adapter that is added', () => {
  const token = { auth: { token: '${BILLING_TOKEN}' } };
  const says =
    "config.auth.token: an adapter that is added may not use ${BILLING_TOKEN}; to allow it, write adapterPolicy: { secrets: ['BILLING_TOKEN'] } in hms-sync.yaml and restart the hub";

  it.each([
    ['nothing is allowed', []],
    ['others are', ['LAB_*', 'BILLING', 'BILLING_TOKEN_', '*_TOKENS', 'billing_token']],
  ])('are refused with their path and what to write when %s', (_what, patterns) => {
    expect(rejectedReferences(token, 'config', patterns)).toEqual([says]);
  });

  it.each(['BILLING_TOKEN', 'BILLING_*', '*_TOKEN', 'B*_*N', '*'])('are allowed by %s', (pattern) => {
    expect(rejectedReferences(token, 'config', ['OTHER', pattern])).toEqual([]);
  });

  it('are each named, also two in one text', () => {
    const rejected = rejectedReferences({ url: 'https://${HOST}/${PATH}', list: ['${LAB_A}', '${HOME}'] }, 'config', [
      'LAB_*',
    ]);
    expect(rejected.map((line) => /^\S+:|\$\{\w+\}/g[Symbol.match](line)?.join(' '))).toEqual([
      'config.url: ${HOST}',
      'config.url: ${PATH}',
      'config.list.1: ${HOME}',
    ]);
  });
});
