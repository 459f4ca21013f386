import { once } from 'node:events';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { connect } from 'node:tls';
import type { Health } from '@hms-sync/proto/hms/sync/v1/health_service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createSyncClient } from '../sync-client.ts';
import { secureGrpc } from '../transports/connect-transport.ts';
import type { Pair } from './authority.ts';
import { replace, type SecureHub, startSecureHub } from './secure-hub.ts';

const WAIT = { timeout: 30_000, interval: 100 };

/** Watches the hub's own part of its health over one connection, which must last. */
function watchHealth({ hub, authority }: SecureHub) {
  const client = createSyncClient(secureGrpc(hub.address, authority.cert));
  onTestFinished(() => client.close());
  return async (isWanted: (warnings: readonly string[]) => boolean): Promise<Health> =>
    vi.waitFor(async () => {
      const health = await client.getHealth();
      expect(health.hub?.warnings).toSatisfy(isWanted);
      return health;
    }, WAIT);
}

/** Whether a new connection is shown a certificate. */
async function shows({ hub, authority }: SecureHub, { serialNumber }: Pair): Promise<boolean> {
  const socket = connect({ host: hub.host, port: hub.port, ca: authority.cert });
  await once(socket, 'secureConnect');
  const shown = socket.getPeerX509Certificate()?.serialNumber ?? '';
  socket.destroy();
  return Number.parseInt(shown, 16) === Number.parseInt(serialNumber, 16);
}

test('changed files renew the certificate, a wrong one is reported and not used, and SIGHUP reads the files again', async () => {
  const secure = await startSecureHub({ auth: 'none' });
  const { authority, folder, hub } = secure;
  const health = watchHealth(secure);
  await health((warnings) => warnings.every((warning) => !warning.includes('tls')));

  const [first, second] = [await authority.issue(), await authority.issue({ validMs: 13 * 86_400_000 })];
  await replace(folder.path, { 'hub.pem': first.cert, 'hub-key.pem': first.key });
  await vi.waitFor(async () => expect(await shows(secure, first)).toBe(true), WAIT);

  await replace(folder.path, { 'hub.pem': second.cert });
  await health((warnings) => warnings.some((warning) => /tls are not in use.*is not the key of the/.test(warning)));
  expect(hub.log).toMatch(/the changed files of tls are not used: tls\.key: /);
  expect(await shows(secure, first)).toBe(true);

  await replace(folder.path, { 'hub-key.pem': second.key });
  // It expires in thirteen days.
  await health(
    (warnings) => warnings.length === 2 && warnings.some((warning) => warning.includes('hub.pem expires on')),
  );
  expect(await shows(secure, second)).toBe(true);

  process.kill(hub.pid, 'SIGHUP');
  await vi.waitFor(() => expect(hub.log).toContain('SIGHUP: the configuration file is read again'), WAIT);
  expect(await shows(secure, second)).toBe(true);
});

test('an unencrypted request gets an error that says that the port speaks TLS', async () => {
  const { hub } = await startSecureHub();
  const [response] = await once(get(hub.address.replace('https:', 'http:'), { agent: false }), 'response');
  expect(response.statusCode).toBe(400);
  expect(await text(response)).toContain('this port speaks TLS; call it by https://');
});
