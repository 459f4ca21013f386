import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ClientCertificates } from '../access/client-certificate.ts';
import { FileTokens } from '../access/file-tokens.ts';
import { JwtVerifier } from '../access/jwt.ts';
import { newTokenId, newTokenText, tokenHash } from '../access/token-text.ts';
import { TrustedAddresses } from '../edges/door/trusted-addresses.ts';
import { ours, strangers } from '../tls/certificates.fixture.ts';
import { TlsFiles } from '../tls/tls-files.ts';
import { loadConfig } from './config.ts';
import { useConfigPlace } from './config-place.fixture.ts';
import { ConfigReload } from './config-reload.ts';

const place = useConfigPlace();
const text = newTokenText(newTokenId());
const token = `{ name: board, role: viewer, sha256: ${tokenHash(text).toString('hex')} }`;
const pair = 'tls: { cert: hub.pem, key: hub-key.pem }';

async function open(file: string, flags = {}) {
  await writeFile(join(place.folder, 'hub.pem'), ours.cert);
  await writeFile(join(place.folder, 'hub-key.pem'), ours.key);
  const started = await place.load(file, { flags });
  const said: string[] = [];
  const report = (level: string, what: string) => void said.push(`${level}: ${what}`);
  const tls = typeof started.tls === 'object' ? await TlsFiles.open(started.tls, { report }) : undefined;
  onTestFinished(() => tls?.close());
  const { auth } = started;
  const tokens = new FileTokens(auth.tokens);
  const proxies = started.callers && new TrustedAddresses(started.callers);
  const reload = new ConfigReload({
    ...{ started, report, tls, tokens },
    proxies: { replace: ({ callers }) => callers && proxies?.replace(callers) },
    ...{ jwt: new JwtVerifier(auth.jwt), mtls: new ClientCertificates(auth.mtls) },
    load: () => loadConfig({ file: place.file, env: {}, flags }),
  });
  const run = async (next: string) => {
    await writeFile(place.file, next);
    return reload.run();
  };
  return { reload, run, tokens, tls, proxies, said };
}

it('puts callers and files of TLS into force, and names what changed', async () => {
  const { run, tokens, tls, said } = await open(pair);
  expect(tokens.principalOf(text)).toBeUndefined();
  await writeFile(join(place.folder, 'new.pem'), strangers.cert);
  await writeFile(join(place.folder, 'new-key.pem'), strangers.key);
  const next = `tls: { cert: new.pem, key: new-key.pem }\nauth: { tokens: [${token}] }`;
  const inForce = { kind: 'reloaded', changed: ['auth.tokens', 'tls'], needsRestart: [], warnings: [] };
  expect(await run(next)).toEqual(inForce);
  expect(tokens.principalOf(text)).toMatchObject({ name: 'board', role: 'viewer' });
  expect(tls?.context.cert).toBe(strangers.cert);
  expect(said.at(-1)).toBe('info: the configuration file was read again; in force now: auth.tokens, tls');
  expect(await run(next)).toEqual({ ...inForce, changed: [] });
  expect(await run(`tls: { cert: new.pem, key: new-key.pem }`)).toEqual({ ...inForce, changed: ['auth.tokens'] });
  expect(tokens.principalOf(text)).toBeUndefined();
});

it.each([
  ['a field that is wrong', `${pair}\nauth: { tokens: [] }\nlisten: nowhere`, /listen/],
  ['a credential that is wrong', `${pair}\nauth: { tokens: [{ name: x, role: viewer, sha256: abc }] }`, /auth\.tokens/],
  ['no YAML', '{', /hms-sync\.yaml/],
  [
    'a file of TLS that is missing',
    'tls: { cert: none.pem, key: hub-key.pem }',
    /tls\.cert: .*none\.pem cannot be read/,
  ],
  ['a key of another pair', 'tls: { cert: hub.pem, key: strange.pem }', /tls\.key: .* is not the key of/],
  ['authentication that is turned off', `${pair}\nauth: none`, /auth: none/],
])('changes nothing for %s, and is a warning until a reload succeeds', async (_what, wrong, says) => {
  const right = `${pair}\nauth: { tokens: [${token}] }`;
  const { reload, run, tokens, tls, said } = await open(right, { acceptNoAuthentication: false });
  await writeFile(join(place.folder, 'strange.pem'), strangers.key);
  const rejected = await run(wrong);
  expect(rejected).toEqual({ kind: 'rejected', reason: expect.stringMatching(says) });
  expect(tokens.principalOf(text)).toMatchObject({ name: 'board' });
  expect(tls?.context.cert).toBe(ours.cert);
  expect(reload.warnings).toEqual([expect.stringMatching(says)]);
  expect(reload.warnings[0]).toContain('hms-sync reload');
  expect(said.at(-1)).toMatch(/^warn: the configuration file is not in force/);
  expect(await run(right)).toMatchObject({ kind: 'reloaded', changed: [] });
  expect(reload.warnings).toEqual([]);
});

it('puts trusted proxies into force where there are some', async () => {
  const trusting = (...addresses: string[]) => `tls: terminated\ntrustedProxies: [${addresses.join(', ')}]`;
  const { run, proxies } = await open(trusting('10.0.0.7'));
  expect(await run(trusting('10.0.0.8'))).toMatchObject({ changed: ['trustedProxies'], needsRestart: [] });
  expect(['10.0.0.7', '10.0.0.8', '127.0.0.1'].map((address) => proxies?.trusts(address))).toEqual([false, true, true]);
  expect(await run(trusting('10.0.0.8'))).toMatchObject({ changed: [], needsRestart: [] });
  expect(await run('tls: terminated')).toMatchObject({ changed: [], needsRestart: ['trustedProxies'] });
  expect(proxies?.trusts('10.0.0.9')).toBe(false);
});

it('names what needs a restart, as long as the hub runs without it', async () => {
  const { run } = await open(`${pair}\nlogLevel: info`);
  const other = `${pair}\nlogLevel: debug\nlimits: { perCaller: { streams: 3 } }`;
  expect(await run(other)).toMatchObject({ changed: [], needsRestart: ['logLevel', 'limits'] });
  expect(await run(`${other}\nauth: { tokens: [${token}] }`)).toMatchObject({
    changed: ['auth.tokens'],
    needsRestart: ['logLevel', 'limits'],
  });
  expect(await run(pair)).toMatchObject({ changed: ['auth.tokens'], needsRestart: ['logLevel'] });
  expect(await run(`${pair}\nlogLevel: info`)).toMatchObject({ needsRestart: [] });
});

it.each([
  ['clients are to be asked for certificates', pair, 'tls: { cert: hub.pem, key: hub-key.pem, clientCa: hub.pem }'],
  ['a port in clear is to speak TLS', 'logLevel: info', `logLevel: info\n${pair}`],
  ['a port is to speak TLS no longer', pair, 'tls: terminated'],
])('needs a restart when %s', async (_what, before, after) => {
  const { run, tls } = await open(before);
  expect(await run(after)).toMatchObject({ kind: 'reloaded', changed: [], needsRestart: ['tls'] });
  expect(tls?.context.ca).toBeUndefined();
});
