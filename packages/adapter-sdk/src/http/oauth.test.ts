import { generateKeyPairSync } from 'node:crypto';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { counting, gives, later, oauthPool } from '../../test/oauth-pool.ts';
import { contextOf, poolFor } from '../../test/pools.ts';
import type { OAuthOptions } from './oauth.ts';

const form = (body: string | undefined) => Object.fromEntries(new URLSearchParams(body));

describe('the request for a token', () => {
  it('has the form-encoded secret in the authorization header, and the scope in the form', async () => {
    const options = { clientSecret: 'hunter2:é', scope: 'a b', parameters: { audience: 'lab' } };
    const { pool, endpoint, system } = await oauthPool({}, options);
    expect(await pool.post('/sync', '{}', contextOf())).toBe('taken');
    expect(endpoint.calls).toMatchObject([
      {
        method: 'POST',
        path: '/token?tenant=7',
        headers: {
          authorization: `Basic ${btoa('hms%3Async:hunter2%3A%C3%A9')}`,
          'content-type': expect.stringMatching(/^application\/x-www-form-urlencoded/),
        },
      },
    ]);
    expect(form(endpoint.calls[0]?.body)).toEqual({ grant_type: 'client_credentials', scope: 'a b', audience: 'lab' });
    expect(system.calls).toMatchObject([{ headers: { authorization: 'Bearer token-1' } }]);
  });

  it('has the secret in the form with clientAuthentication post', async () => {
    const { pool, endpoint } = await oauthPool({}, { clientSecret: 'hunter2', clientAuthentication: 'post' });
    await pool.post('/sync', '{}', contextOf());
    expect(form(endpoint.calls[0]?.body)).toMatchObject({ client_id: 'hms:sync', client_secret: 'hunter2' });
    expect(endpoint.calls[0]?.headers).not.toHaveProperty('authorization');
  });

  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  it.each([
    ['RS384', rsa, rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), 'k-1'],
    ['ES384', ec, JSON.stringify({ ...ec.privateKey.export({ format: 'jwk' }), kid: 'k-2' }), undefined],
  ])('is signed by %s as SMART Backend Services asks', async (algorithm, { publicKey }, key, keyId) => {
    const token = counting((n) => gives(`token-${n}`, { expires_in: 0.001 }));
    const { pool, endpoint, oauth } = await oauthPool({ token }, { privateKey: String(key), keyId });
    for (const atMs of later(0, 2_000)) {
      atMs();
      await pool.post('/sync', '{}', contextOf());
    }
    expect(endpoint.calls).toHaveLength(2);
    const ids = endpoint.calls.map(async ({ body }) => {
      const fields = form(body);
      expect(fields).toMatchObject({
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      const assertion = fields.client_assertion ?? '';
      expect(decodeProtectedHeader(assertion)).toEqual({ alg: algorithm, typ: 'JWT', kid: keyId ?? 'k-2' });
      const { payload } = await jwtVerify(assertion, publicKey, { audience: oauth.tokenUrl, issuer: 'hms:sync' });
      expect(payload.sub).toBe('hms:sync');
      expect(Number(payload.exp) - Date.now() / 1000).toBeLessThanOrEqual(300);
      return payload.jti;
    });
    const known = await Promise.all(ids);
    expect(new Set(known).size).toBe(known.length);
  });
});

describe('options', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const right = { tokenUrl: 'https://a.example/token', clientId: 'c', clientSecret: 'hunter2' };
  it.each<[string, OAuthOptions]>([
    ['oauth.tokenUrl', { ...right, tokenUrl: 'hunter2' }],
    ['oauth.tokenUrl', { ...right, tokenUrl: 'https://a:hunter2@a.example/token' }],
    ['oauth.tokenUrl', { ...right, tokenUrl: 'ftp://a.example/hunter2' }],
    ['oauth.clientId', { ...right, clientId: '' }],
    ['oauth.clientSecret', { ...right, clientSecret: '' }],
    ['oauth.clientSecret', { tokenUrl: right.tokenUrl, clientId: 'c' }],
    ['oauth.privateKey', { ...right, privateKey: 'hunter2' }],
    ['oauth.privateKey', { ...right, clientSecret: undefined, privateKey: 'hunter2' }],
    ['oauth.privateKey', { ...right, clientSecret: undefined, privateKey: '{"kty":"hunter2"}' }],
    ['oauth.privateKey', { ...right, clientSecret: undefined, privateKey: String(weak) }],
    ['oauth.privateKey', { ...right, clientSecret: undefined, privateKey: String(curve) }],
  ])('are rejected at %s, and nothing of them is repeated', (path, oauth) => {
    const open = () => poolFor('https://billing.example', { oauth });
    expect(open).toThrow(expect.objectContaining({ kind: 'misconfigured', path }));
    expect(open).not.toThrow(/hunter2/);
  });

  it('are rejected together with a token', () => {
    expect(() => poolFor('https://a.example', { token: 't', oauth: right })).toThrow('set only one of them');
  });
});
