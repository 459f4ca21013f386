import { describe, expect, it } from 'vitest';
import { AccessError } from './access-error.ts';
import { Authenticator, type AuthenticatorOptions, type Shown } from './authenticator.ts';
import { Lifetime } from './lifetime.ts';
import { OPEN_PRINCIPAL, type Principal } from './principal.ts';

const alice: Principal = Object.freeze({ ...OPEN_PRINCIPAL, kind: 'token', name: 'alice' });
const bob: Principal = Object.freeze({ ...OPEN_PRINCIPAL, kind: 'jwt', name: 'bob' });
const carol: Principal = Object.freeze({ ...OPEN_PRINCIPAL, kind: 'certificate', name: 'carol' });
const ofCarol = { thumbprint: 'x', principal: carol };

function token(text: string): Principal {
  if (text === 'hms_alice') return alice;
  throw new AccessError('CREDENTIAL_REFUSED', 'unknown');
}

const shown = (more: Partial<Shown> = {}): Shown => ({
  ...{ bySocket: false, authorization: [], target: '/sync', certificate: () => undefined },
  ...more,
});

function open(options: Partial<AuthenticatorOptions> = {}): Authenticator {
  return new Authenticator({ withoutCredential: 'nobody', token, jwt: async () => bob, ...options });
}

it('a certificate counts no longer than it is valid, though its connection lasts', () => {
  const lifetime = new Lifetime();
  const certificate = () => ({ thumbprint: 'x', principal: { ...carol, lifetime } });
  expect(open().principalOf(shown({ certificate }))).toMatchObject({ name: 'carol' });
  lifetime.end();
  expect(() => open().principalOf(shown({ certificate }))).toThrow(/client certificate has expired/);
});

describe('the principal of a request', () => {
  it.each([
    ['by the socket', shown({ bySocket: true }), 'local'],
    ['with a token', shown({ authorization: ['Bearer hms_alice'] }), 'alice'],
    ['with a token, written otherwise', shown({ authorization: ['bearer  hms_alice '] }), 'alice'],
    ['with a JWT', shown({ authorization: ['Bearer aa.bb.cc'] }), 'bob'],
    ['with a certificate', shown({ certificate: () => ofCarol }), 'carol'],
    [
      'with a token beside its certificate',
      shown({ certificate: () => ofCarol, authorization: ['Bearer hms_alice'] }),
      'alice',
    ],
    ['by the socket with a token', shown({ bySocket: true, authorization: ['Bearer hms_alice'] }), 'alice'],
  ])('%s', async (_what, request, name) => {
    expect(await open().principalOf(request)).toMatchObject({ name });
  });

  it.each([
    ['nobody', 'CREDENTIAL_MISSING'],
    ['anonymous', 'anonymous'],
    ['everybody', 'anyone'],
  ] as const)('without a credential, where %s is served without', (withoutCredential, expected) => {
    const authenticator = open({ withoutCredential });
    const found = () => (authenticator.principalOf(shown()) as Principal).name;
    if (expected === 'CREDENTIAL_MISSING') expect(found).toThrow(expect.objectContaining({ code: expected }));
    else expect(found()).toBe(expected);
  });
});

describe('a credential that is shown and wrong is refused, also where nobody needs one', () => {
  it.each([
    ['an unknown token', { authorization: ['Bearer hms_mallory'] }],
    ['a token in another scheme', { authorization: ['Basic hms_alice'] }],
    ['no scheme', { authorization: ['hms_alice'] }],
    ['an empty header', { authorization: [''] }],
    ['two tokens in one header', { authorization: ['Bearer hms_alice, Bearer hms_alice'] }],
    ['two headers', { authorization: ['Bearer hms_alice', 'Bearer hms_alice'] }],
    ['a token in the URL', { target: '/sync?access_token=hms_alice' }],
    [
      'a token in the URL beside a right one',
      { target: '/sync?x=hms_12345678_abc', authorization: ['Bearer hms_alice'] },
    ],
    ['a token of a megabyte', { authorization: [`Bearer ${'a'.repeat(1_000_000)}`] }],
    ['a wrong token by the socket', { bySocket: true, authorization: ['Bearer hms_mallory'] }],
    ['a wrong token beside a certificate', { certificate: () => ofCarol, authorization: ['Bearer hms_mallory'] }],
  ])('%s', (_what, more) => {
    for (const withoutCredential of ['nobody', 'anonymous', 'everybody'] as const) {
      const refused = () => open({ withoutCredential }).principalOf(shown(more));
      expect(refused).toThrow(expect.objectContaining({ code: 'CREDENTIAL_REFUSED' }));
      expect(refused).not.toThrow(/alice|mallory|aaa/);
    }
  });
});
