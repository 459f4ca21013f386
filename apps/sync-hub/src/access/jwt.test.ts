import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type JwtIssuer, JwtVerifier, type VerifyJwt } from './jwt.ts';

type Key = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

const HOUR_S = 3_600;
const now = () => Math.floor(Date.now() / 1_000);

let keys: Awaited<ReturnType<typeof generateKeyPair>>;
let strangersKeys: Awaited<ReturnType<typeof generateKeyPair>>;
beforeAll(async () => {
  keys = await generateKeyPair('ES256', { extractable: true });
  strangersKeys = await generateKeyPair('ES256');
});

/** An issuer on this machine, that counts how often its keys are read. */
async function startIssuer(changes: Partial<JwtIssuer> = {}) {
  const asked: string[] = [];
  const issuer = { status: 200, asked };
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(issuer.status, { 'content-type': 'application/json' });
    const metadata = { issuer: address, jwks_uri: `${address}/keys` };
    void exportJWK(keys.publicKey).then((key) =>
      response.end(JSON.stringify(request.url === '/keys' ? { keys: [{ ...key, kid: 'k', alg: 'ES256' }] } : metadata)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const entry: JwtIssuer = {
    ...{ issuer: address, audience: 'hms-sync', jwks: `${address}/keys` },
    rules: [
      { when: { scope: 'hms/publish' }, role: 'publisher', types: ['Process*'] },
      { when: { 'realm_access.roles': ['operators', 'on-call'] }, role: 'operator' },
    ],
    ...changes,
  };
  const verifier = new JwtVerifier([entry]);
  const verify: VerifyJwt = (text, certificate) => verifier.verify(text, certificate);
  return { ...issuer, issuer, address, entry, verifier, verify };
}

interface Made {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: { readonly typ?: string | undefined; readonly kid?: string };
  readonly key?: Key;
}

function make(address: string, { claims = {}, header = {}, key = keys.privateKey }: Made = {}) {
  const payload = {
    iss: address,
    aud: 'hms-sync',
    sub: 'hms-api',
    exp: now() + HOUR_S,
    scope: 'a hms/publish b',
    ...claims,
  };
  return new SignJWT(JSON.parse(JSON.stringify(payload)))
    .setProtectedHeader(JSON.parse(JSON.stringify({ alg: 'ES256', kid: 'k', typ: 'at+jwt', ...header })))
    .sign(key);
}

describe('a JWT of an issuer that is trusted', () => {
  it('has the role and the grants of the first rule that fits, and the sub as its name', async () => {
    const { address, verify } = await startIssuer();
    const exp = now() + HOUR_S;
    const principal = await verify(await make(address, { claims: { exp, jti: 'j1' } }), undefined);
    expect(principal).toMatchObject({
      ...{ kind: 'jwt', name: 'hms-api', role: 'publisher', credential: 'j1', expiresAtMs: exp * 1_000 },
      grants: { types: ['Process*'], sources: ['hms-api'] },
    });
    const operator = await make(address, { claims: { scope: 'x', realm_access: { roles: ['a', 'on-call'] } } });
    expect(await verify(operator, undefined)).toMatchObject({ role: 'operator', grants: {} });
  });

  it('is verified once, until it ends, and its streams end with it', async () => {
    const { address, verify } = await startIssuer();
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    const text = await make(address, { claims: { exp: now() + 60 } });
    const principal = await verify(text, undefined);
    expect(await verify(text, undefined)).toBe(principal);
    const ended = vi.fn();
    principal.lifetime?.onEnd(ended);
    vi.advanceTimersByTime(89_000);
    expect(ended).not.toHaveBeenCalled();
    vi.advanceTimersByTime(2_000);
    expect(ended).toHaveBeenCalledOnce();
    await expect(verify(text, undefined)).rejects.toMatchObject({ code: 'CREDENTIAL_EXPIRED' });
  });

  it('finds the keys by its metadata', async () => {
    const { address, verify, asked } = await startIssuer({ jwks: undefined });
    await verify(await make(address), undefined);
    expect(asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('with cnf counts only with its client certificate', async () => {
    const { address, verify } = await startIssuer();
    const text = await make(address, { claims: { cnf: { 'x5t#S256': 'abc' } } });
    const refused = { code: 'CREDENTIAL_REFUSED', message: expect.stringContaining('cnf') };
    for (const certificate of [undefined, { thumbprint: 'abd', principal: undefined }])
      await expect(verify(text, certificate)).rejects.toMatchObject(refused);
    const certificate = { thumbprint: 'abc', principal: undefined };
    expect((await verify(text, certificate)).name).toBe('hms-api');
    await expect(verify(text, undefined)).rejects.toMatchObject(refused);
    for (const cnf of [{ jkt: 'abc' }, { 'x5t#S256': 'abc', jkt: 'abc' }, {}, 'abc', null])
      await expect(verify(await make(address, { claims: { cnf } }), certificate)).rejects.toMatchObject(refused);
  });
});

describe('a JWT is not accepted', () => {
  const wrong: { what: string; made: Made; says: RegExp; code?: string }[] = [
    {
      what: 'of another issuer',
      made: { claims: { iss: 'https://else.example' } },
      says: /its issuer \(iss\) is none/,
    },
    { what: 'without an issuer', made: { claims: { iss: undefined } }, says: /its issuer \(iss\) is none/ },
    { what: 'for another audience', made: { claims: { aud: 'else' } }, says: /its aud is not/ },
    { what: 'without an audience', made: { claims: { aud: undefined } }, says: /its aud is not/ },
    { what: 'of another type', made: { header: { typ: 'JWT' } }, says: /its typ is not/ },
    { what: 'without a type', made: { header: { typ: undefined } }, says: /its typ is not/ },
    { what: 'that never expires', made: { claims: { exp: undefined } }, says: /its exp is not/ },
    {
      what: 'valid for two years',
      made: { claims: { exp: now() + 2 * 365 * 24 * HOUR_S } },
      says: /more than 24 hours/,
    },
    {
      what: 'that has expired',
      made: { claims: { exp: now() - 31 } },
      says: /has expired/,
      code: 'CREDENTIAL_EXPIRED',
    },
    { what: 'that is not valid yet', made: { claims: { nbf: now() + 60 } }, says: /its nbf is not/ },
    { what: 'of a key that the issuer does not have', made: { header: { kid: 'x' } }, says: /its key \(kid\) is not/ },
    { what: 'that no rule fits', made: { claims: { scope: 'hms/publisher' } }, says: /no rule/ },
    {
      what: 'with a claim of the rule that is no text',
      made: { claims: { scope: { 'hms/publish': 1 } } },
      says: /no rule/,
    },
    { what: 'of nobody', made: { claims: { sub: undefined } }, says: /its sub is not/ },
    { what: 'of a name that would be a pattern of sources', made: { claims: { sub: '*' } }, says: /its sub is not/ },
  ];

  it.each(wrong)('$what', async ({ made, says, code = 'CREDENTIAL_REFUSED' }) => {
    const { address, verify } = await startIssuer();
    const error = { code, message: expect.stringMatching(says) };
    await expect(verify(await make(address, made), undefined)).rejects.toMatchObject(error);
  });

  it('by another signature, without one, or by one that everybody could make', async () => {
    const { address, verify } = await startIssuer({ algorithms: undefined });
    const claims = { iss: address, aud: 'hms-sync', sub: 'a', scope: 'hms/publish', exp: now() + HOUR_S };
    const header = { typ: 'at+jwt', kid: 'k' };
    const [head, body] = (await make(address)).split('.');
    const texts = [
      await make(address, { key: strangersKeys.privateKey }),
      new UnsecuredJWT(claims).encode(),
      await new SignJWT(claims)
        .setProtectedHeader({ alg: 'HS256', ...header })
        .sign(new TextEncoder().encode(await exportSPKI(keys.publicKey))),
      `${head}.${body}.`,
      `${head}.${Buffer.from(JSON.stringify({ ...claims, sub: 'b' })).toString('base64url')}.AAAA`,
      'a.b.c',
    ];
    for (const text of texts)
      await expect(verify(text, undefined)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
  });

  it('by an algorithm that its issuer does not use', async () => {
    const { address, verify } = await startIssuer({ algorithms: ['RS256'] });
    await expect(verify(await make(address), undefined)).rejects.toMatchObject({
      ...{ code: 'CREDENTIAL_REFUSED', message: expect.stringContaining('(alg)') },
    });
  });
});

it('a JWT where no issuer is trusted is refused, and what is missing is named', async () => {
  const verified = new JwtVerifier([]).verify('aa.bb.cc', undefined);
  await expect(verified).rejects.toMatchObject({
    code: 'CREDENTIAL_REFUSED',
    message: expect.stringContaining('auth.jwt'),
  });
});

describe('replaced', () => {
  it('an issuer that stays verifies again, by keys that are read again', async () => {
    const { address, entry, verifier, verify, asked } = await startIssuer();
    const text = await make(address);
    const before = await verify(text, undefined);
    expect(await verifier.replace([structuredClone(entry)])).toEqual([]);
    expect(asked).toEqual(['/keys', '/keys']);
    expect(before.lifetime?.isOver).toBe(false);
    const after = await verify(text, undefined);
    expect(after).not.toBe(before);
    expect(after).toMatchObject({ name: before.name, grants: before.grants });
  });

  it('an issuer whose keys cannot be read keeps those that it has, and is named', async () => {
    const { issuer, address, entry, verifier, verify } = await startIssuer();
    await verify(await make(address), undefined);
    issuer.status = 503;
    expect(await verifier.replace([entry])).toEqual([expect.stringContaining(`the keys of the issuer ${address}`)]);
    expect((await verify(await make(address), undefined)).name).toBe('hms-api');
  });

  it('one that is gone, or whose rules changed, ends what was opened by it', async () => {
    const { address, entry, verifier, verify } = await startIssuer();
    const text = await make(address);
    const ended = vi.fn();
    (await verify(text, undefined)).lifetime?.onEnd(ended);
    const [first] = entry.rules;
    if (first === undefined) throw new Error('it has a rule');
    await verifier.replace([{ ...entry, rules: [{ ...first, role: 'viewer' }] }]);
    expect(ended).toHaveBeenCalledOnce();
    const viewer = await verify(text, undefined);
    expect(viewer.role).toBe('viewer');
    await verifier.replace([]);
    expect(viewer.lifetime?.isOver).toBe(true);
    await expect(verify(text, undefined)).rejects.toMatchObject({ code: 'CREDENTIAL_REFUSED' });
  });
});

describe('the keys of an issuer', () => {
  it('are read once for a thousand JWTs of keys that it does not have', async () => {
    const { address, verify, asked } = await startIssuer();
    const texts = await Promise.all(
      Array.from({ length: 1_000 }, (_, index) => make(address, { header: { kid: `x${index}` } })),
    );
    const refused = await Promise.allSettled(texts.map((text) => verify(text, undefined)));
    expect(refused.every(({ status }) => status === 'rejected')).toBe(true);
    expect(asked).toEqual(['/keys']);
    expect((await verify(await make(address), undefined)).name).toBe('hms-api');
  });

  it('are not asked for again and again while it is down, and then what they would verify is unknown', async () => {
    const { issuer, address, verify, asked } = await startIssuer();
    issuer.status = 503;
    for (let sent = 0; sent < 5; sent += 1)
      await expect(verify(await make(address), undefined)).rejects.toMatchObject({ code: 'ISSUER_UNAVAILABLE' });
    expect(asked).toHaveLength(1);
  });

  it('go on for a day while it is down, and no longer', async () => {
    const { issuer, address, verify, asked } = await startIssuer();
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
    onTestFinished(() => void vi.useRealTimers());
    await verify(await make(address), undefined);
    issuer.status = 503;
    vi.setSystemTime(Date.now() + 23 * HOUR_S * 1_000);
    expect((await verify(await make(address), undefined)).name).toBe('hms-api');
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    vi.setSystemTime(Date.now() + 2 * HOUR_S * 1_000);
    await expect(verify(await make(address), undefined)).rejects.toMatchObject({ code: 'ISSUER_UNAVAILABLE' });
  });
});
