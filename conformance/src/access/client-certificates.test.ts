import { connect } from 'node:http2';
import { expect, onTestFinished, test } from 'vitest';
import { Authority, type Pair } from './authority.ts';
import { replace, type SecureHub, startSecureHub, whoAmI } from './secure-hub.ts';

const API = 'spiffe://clinic/hms-api';
const uri = (value: string) => ({ type: 'url', value }) as const;
const dns = (value: string) => ({ type: 'dns', value }) as const;

const mtls = [
  { spiffe: API, role: 'publisher', types: ['Process*'] },
  { dns: 'board.clinic.example', role: 'viewer' },
];

const start = (more: Parameters<typeof startSecureHub>[0] = {}): Promise<SecureHub> =>
  startSecureHub({ tls: { clientCa: 'ca.pem' }, auth: { mtls }, ...more });

for (const httpVersion of ['1.1', '2'] as const) {
  test(`over HTTP/${httpVersion} a URI or DNS name of its certificate identifies a client, and no other name does`, async () => {
    const secure = await start();
    const { authority } = secure;
    const ask = (pair?: Pair) => whoAmI(secure, { httpVersion, pair });

    const api = await authority.issue({ names: [dns('x.example'), uri(API)] });
    expect(await ask(api)).toMatchObject({
      status: 200,
      body: {
        ...{ name: API, kind: 'certificate', role: 'ROLE_PUBLISHER', credential: api.serialNumber },
        grants: { types: ['Process*'], sources: [API] },
      },
    });
    const board = await authority.issue({ names: [dns('board.clinic.example')] });
    expect((await ask(board)).body).toMatchObject({ name: 'board.clinic.example', role: 'ROLE_VIEWER' });

    const nobodies = [
      { commonName: API, names: [] },
      { commonName: 'board.clinic.example', names: [] },
      { names: [uri('spiffe://clinic/*')] },
      { names: [dns('*.clinic.example')] },
      { names: [uri(`${API}/`), uri(`${API}x`), uri('spiffe://Clinic/hms-api'), uri('https://clinic/hms-api')] },
      { names: [dns(API), { type: 'email', value: 'board.clinic.example@x' } as const] },
      { names: [dns(`x, URI:${API}`)] },
    ];
    for (const nobody of nobodies)
      expect(await ask(await authority.issue(nobody))).toMatchObject({
        status: 401,
        body: { details: [{ debug: { reason: 'CREDENTIAL_MISSING' } }] },
      });
    expect(await ask()).toMatchObject({ status: 401 });
  });
}

test('a certificate that does not verify ends its connection', async () => {
  const revoked: Pair[] = [];
  const secure = await start({
    tls: { clientCa: 'ca.pem', crl: 'crl.pem' },
    files: async (authority) => {
      revoked.push(await authority.issue({ names: [uri(API)] }));
      return { 'crl.pem': await authority.revocations(revoked) };
    },
  });
  const stranger = await Authority.create();
  const wrong = [
    await stranger.issue({ names: [uri(API)] }),
    await secure.authority.issue({ names: [uri(API)], validMs: -60_000 }),
    ...revoked,
  ];
  for (const pair of wrong)
    for (const httpVersion of ['1.1', '2'] as const)
      await expect(whoAmI(secure, { httpVersion, pair })).rejects.toThrow();
  expect(secure.hub.log).toContain('does not verify');
  const right = await secure.authority.issue({ names: [uri(API)] });
  expect((await whoAmI(secure, { pair: right })).status).toBe(200);
});

test('a bearer credential takes precedence over a certificate, even if it is wrong', async () => {
  const secure = await start();
  const pair = await secure.authority.issue({ names: [uri(API)] });
  expect(await whoAmI(secure, { pair, bearer: 'hms_wrong' })).toMatchObject({
    status: 401,
    body: { details: [{ debug: { reason: 'CREDENTIAL_REFUSED' } }] },
  });
});

test('revoking a certificate while the hub runs ends its connection, even a busy one', {
  timeout: 60_000,
}, async () => {
  const secure = await start({
    tls: { clientCa: 'ca.pem', crl: 'crl.pem' },
    files: async (authority) => ({ 'crl.pem': await authority.revocations([]) }),
  });
  const { authority, hub, folder } = secure;
  const pair = await authority.issue({ names: [dns('board.clinic.example')] });
  const session = connect(hub.address, { ca: authority.cert, cert: pair.cert, key: pair.key });
  onTestFinished(() => session.destroy());
  session.on('error', () => undefined);
  const watch = session.request({
    ...{ ':method': 'POST', ':path': '/hms.sync.v1.HealthService/WatchHealth' },
    'content-type': 'application/connect+json',
  });
  watch.on('error', () => undefined);
  watch.end(Buffer.concat([Buffer.from([0, 0, 0, 0, 2]), Buffer.from('{}')]));
  await new Promise((resolve) => watch.once('data', resolve));
  const ended = new Promise((resolve) => watch.once('close', resolve));
  const changedAtMs = performance.now();
  await replace(folder.path, { 'crl.pem': await authority.revocations([pair]) });
  await ended;
  // After 10 s; a connection that answers nothing would end after 30.
  expect(performance.now() - changedAtMs).toBeLessThan(25_000);
  await expect(whoAmI(secure, { pair })).rejects.toThrow();
});
