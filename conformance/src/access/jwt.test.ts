import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { expect, onTestFinished, test } from 'vitest';
import { startSecureHub, whoAmI } from './secure-hub.ts';

async function startIssuer() {
  const { publicKey, privateKey } = await generateKeyPair('ES256');
  const key = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'ES256' };
  const server = createServer(({ url }, response) => {
    response.setHeader('content-type', 'application/json');
    const metadata = { issuer, jwks_uri: `${issuer}/keys` };
    response.end(JSON.stringify(url === '/keys' ? { keys: [key] } : metadata));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sign = (claims: Record<string, unknown>, expiresIn = '1h') =>
    new SignJWT({ scope: 'hms/publish', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid: 'k', typ: 'at+jwt' })
      .setIssuer(issuer)
      .setAudience('hms-sync')
      .setSubject('hms-api')
      .setExpirationTime(expiresIn)
      .sign(privateKey);
  return { issuer, sign };
}

test('a caller with a JWT has the role of the rule that matches its claims, on every transport', async () => {
  const { issuer, sign } = await startIssuer();
  const rules = [
    { when: { scope: 'hms/publish' }, role: 'publisher', types: ['Process*', 'Policy*'], sources: ['hms-api'] },
  ];
  const secure = await startSecureHub({
    tls: { clientCa: 'ca.pem' },
    auth: { jwt: [{ issuer, audience: 'hms-sync', rules }] },
  });
  for (const httpVersion of ['1.1', '2'] as const) {
    const ask = (bearer: string) => whoAmI(secure, { httpVersion, bearer });
    expect(await ask(await sign({ jti: 'j' }))).toMatchObject({
      status: 200,
      body: {
        ...{ name: 'hms-api', kind: 'jwt', role: 'ROLE_PUBLISHER', credential: 'j' },
        ...{ grants: { types: ['Process*', 'Policy*'], sources: ['hms-api'] }, expireTime: expect.any(String) },
      },
    });
    const reason = async (bearer: string) => {
      const { status, body } = await ask(bearer);
      const { details } = body as { details: { debug: { reason: string } }[] };
      return `${status} ${details[0]?.debug.reason}`;
    };
    expect(await reason(await sign({ scope: 'other' }))).toBe('401 CREDENTIAL_REFUSED');
    expect(await reason(await sign({}, '1 hour ago'))).toBe('401 CREDENTIAL_EXPIRED');
    expect(await reason(`${(await sign({})).slice(0, -8)}AAAAAAAA`)).toBe('401 CREDENTIAL_REFUSED');

    // Bound to a client certificate, it is of no use to who has only seen it.
    const pair = await secure.authority.issue({ names: [{ type: 'dns', value: 'a.example' }] });
    const thumbprint = createHash('sha256').update(new X509Certificate(pair.cert).raw).digest('base64url');
    const bound = await sign({ cnf: { 'x5t#S256': thumbprint } });
    expect(await whoAmI(secure, { httpVersion, bearer: bound, pair })).toMatchObject({ status: 200 });
    expect(await reason(bound)).toBe('401 CREDENTIAL_REFUSED');
    const other = await secure.authority.issue({ names: [{ type: 'dns', value: 'b.example' }] });
    expect(await whoAmI(secure, { httpVersion, bearer: bound, pair: other })).toMatchObject({ status: 401 });
  }
});
