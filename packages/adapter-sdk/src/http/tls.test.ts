import type { TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { testOnly } from '../../test/certificates.ts';
import { externalSystem } from '../../test/external-system.ts';
import { contextOf, poolFor } from '../../test/pools.ts';
import type { TlsOptions } from './tls.ts';

const { ca, client, server } = testOnly;

/** Takes only clients that the authority vouches for, and says who called. */
const mutual = () =>
  externalSystem(
    (response, { socket }) => {
      const name: unknown = (socket as TLSSocket).getPeerCertificate().subject?.CN;
      response.end(String(name));
    },
    { ...server, ca, requestCert: true, rejectUnauthorized: true },
  );

describe('a pool with a client certificate', () => {
  it.each<[string, TlsOptions]>([
    ['cert and key', { ca, cert: client.cert, key: client.key }],
    ['a key under a passphrase', { ca, cert: client.cert, key: client.encryptedKey, passphrase: client.passphrase }],
    ['PKCS #12', { ca, pfx: client.pfx, passphrase: client.passphrase }],
  ])('is let in by %s', async (_what, tls) => {
    await using system = await mutual();
    expect(await poolFor(system.baseUrl, { tls }).post('/sync', '{}', contextOf())).toBe('hms-sync-client');
  });

  it('shows it to the token endpoint too', async () => {
    await using endpoint = await externalSystem((response) => response.end('{"access_token":"token-1"}'), {
      ...server,
      ca,
      requestCert: true,
      rejectUnauthorized: true,
    });
    await using system = await mutual();
    const pool = poolFor(system.baseUrl, {
      tls: { ca, cert: client.cert, key: client.key },
      oauth: { tokenUrl: `${endpoint.baseUrl}/token`, clientId: 'c', clientSecret: 's' },
    });
    expect(await pool.post('/sync', '{}', contextOf())).toBe('hms-sync-client');
    expect(system.calls).toMatchObject([{ headers: { authorization: 'Bearer token-1' } }]);
  });
});

it('a system that wants a certificate rejects clients without one: retryable, and the message says no more', async () => {
  await using system = await mutual();
  const post = poolFor(system.baseUrl, { tls: { ca } }).post('/sync', '{}', contextOf());
  await expect(post).rejects.toMatchObject({ kind: 'retryable' });
  expect(system.calls).toEqual([]);
});

it('a system with an unknown CA is not trusted', async () => {
  await using system = await mutual();
  const tls = { cert: client.cert, key: client.key };
  await expect(poolFor(system.baseUrl, { tls }).post('/sync', '{}', contextOf())).rejects.toMatchObject({
    kind: 'retryable',
    code: expect.stringMatching(/UNABLE_TO_|SELF_SIGNED/),
  });
  expect(system.calls).toEqual([]);
});

describe('options', () => {
  it.each<[string, TlsOptions, string?]>([
    ['tls', { ca }, 'http://billing.example'],
    ['tls.ca', { ca: 'hunter2' }],
    ['tls.cert', { cert: 'hunter2', key: client.key }],
    ['tls.cert', { key: client.key }],
    ['tls.key', { cert: client.cert }],
    ['tls.key', { cert: client.cert, key: 'hunter2' }],
    ['tls.key', { cert: client.cert, key: server.key }],
    ['tls.key', { cert: client.cert, key: client.encryptedKey, passphrase: 'hunter2' }],
    ['tls.pfx', { pfx: 'hunter2' }],
    ['tls.pfx', { pfx: client.pfx, passphrase: 'hunter2' }],
    ['tls.pfx', { pfx: client.pfx, passphrase: client.passphrase, cert: client.cert, key: client.key }],
  ])('are rejected at %s, and nothing of them is repeated', (path, tls, baseUrl = 'https://billing.example') => {
    const open = () => poolFor(baseUrl, { tls });
    expect(open).toThrow(
      expect.objectContaining({ kind: 'misconfigured', path, message: expect.stringContaining(path) }),
    );
    expect(open).not.toThrow(/hunter2|BEGIN/);
  });
});
