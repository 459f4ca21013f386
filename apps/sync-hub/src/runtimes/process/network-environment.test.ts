import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { ours } from '../../tls/certificates.fixture.ts';
import { environment, listening, proxy } from '../proxy.fixture.ts';
import { adapter } from '../suite/lab-adapter.fixture.ts';
import { startHostile } from './hostile-adapter.fixture.ts';

/** An adapter that posts each event to a system by the SDK's pool. */
const posting = (baseUrl: string) =>
  adapter(`open: ({ http }) => http.pool('${baseUrl}'), close: (pool) => pool.close(),
    push: (event, context) => context.resource.post('/sync', '{}', context)`);

/** A system that a private authority vouches for. */
const privateSystem = async () =>
  `https://127.0.0.1:${await listening(createTlsServer(ours, (_request, response) => response.end('taken')))}`;

async function authorityFile(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-authority-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'authority.pem');
  await writeFile(file, ours.cert);
  return file;
}

const delivered = (receipt: string) => ({ kind: 'delivered', receipt });

describe('an adapter trusts the private authority that the hub is started with', () => {
  it.each([
    ['NODE_EXTRA_CA_CERTS', {}],
    ['SSL_CERT_FILE', { NODE_USE_SYSTEM_CA: '1' }],
  ])('by %s with %j', async (name, more) => {
    environment({ [name]: await authorityFile(), ...more });
    const held = await startHostile(posting(await privateSystem()), { manifest: { permissions: {} } });
    expect(await held.deliver()).toEqual(delivered('taken'));
  });

  it('and no other', async () => {
    const held = await startHostile(posting(await privateSystem()));
    expect(await held.deliver()).toMatchObject({ failure: { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' } });
  });
});

describe('an adapter goes by the proxy that the hub is started with', () => {
  it.each(['HTTPS_PROXY', 'https_proxy'])('to a system by https: %s', async (name) => {
    const { asked, address } = await proxy();
    const system = await privateSystem();
    environment({ [name]: `http://user:word@${address}`, NODE_USE_ENV_PROXY: '1' });
    environment({ NODE_EXTRA_CA_CERTS: await authorityFile(), NO_PROXY: 'other.example' });
    const held = await startHostile(posting(system), { manifest: { permissions: {} } });
    expect(await held.deliver()).toEqual(delivered('taken'));
    expect(await held.deliver()).toEqual(delivered('taken'));
    // One connection for both.
    expect(asked).toEqual([`CONNECT ${new URL(system).host} with a credential`]);
  });

  it('to a system by http', async () => {
    const { asked, address } = await proxy();
    environment({ HTTP_PROXY: `http://${address}`, NODE_USE_ENV_PROXY: '1' });
    const held = await startHostile(posting('http://system.example:81'));
    expect(await held.deliver()).toEqual(delivered('by the proxy'));
    expect(asked).toEqual(['POST http://system.example:81/sync']);
  });

  it.each([
    ['for a system that NO_PROXY names', { NODE_USE_ENV_PROXY: '1', NO_PROXY: '127.0.0.1' }],
    ['without NODE_USE_ENV_PROXY', { NO_PROXY: '' }],
  ])('but not %s', async (_what, more) => {
    const { asked, address } = await proxy();
    environment({ HTTPS_PROXY: `http://${address}`, NODE_EXTRA_CA_CERTS: await authorityFile(), ...more });
    const held = await startHostile(posting(await privateSystem()));
    expect(await held.deliver()).toEqual(delivered('taken'));
    expect(asked).toEqual([]);
  });

  it('and a proxy that refuses is retried: it says nothing about the event', async () => {
    const server = createServer();
    server.on('connect', (_request, socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
    environment({ HTTPS_PROXY: `http://127.0.0.1:${await listening(server)}`, NODE_USE_ENV_PROXY: '1' });
    const held = await startHostile(posting('https://system.example'));
    expect(await held.deliver()).toMatchObject({ kind: 'retryable', failure: { code: 'ERR_PROXY_TUNNEL' } });
  });
});
