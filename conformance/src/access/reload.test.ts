import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConnectError, createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { HubFolder } from '../hub-folder.ts';
import { tokensBySocket } from './tokens.ts';

const WAIT = { timeout: 30_000, interval: 50 };
/** As a hub elsewhere printed them. */
const GONE = 'hms_aaaaaaaa_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG3Tu5PC';
const STAYS = 'hms_bbbbbbbb_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG44HxFg';

/** A health feed that is open, and how it ends. */
async function watch(address: string, token: string) {
  const sessionManager = new Http2SessionManager(address);
  onTestFinished(() => sessionManager.abort());
  const transport = createConnectTransport({
    ...{ httpVersion: '2', baseUrl: address, sessionManager },
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  const client = createClient(HealthService, transport);
  const feed = client.watchHealth({})[Symbol.asyncIterator]();
  await feed.next();
  let isOpen = true;
  const ended = (async () => {
    for (;;) await feed.next();
  })().catch((error: unknown) => {
    isOpen = false;
    return ConnectError.from(error).rawMessage;
  });
  return { ended, isOpen: () => isOpen, warnings: async () => (await client.getHealth({})).health?.hub?.warnings };
}

test('a hub puts its file into force while it runs, all of it or nothing', async () => {
  const entry = (name: string, token: string) => ({
    name,
    role: 'viewer',
    sha256: createHash('sha256').update(token).digest('hex'),
  });
  const [gone, stays] = [entry('gone', GONE), entry('stays', STAYS)];
  const folder = await HubFolder.create({ config: { auth: { tokens: [gone, stays] } } });
  onTestFinished(() => folder.remove());
  const hub = await folder.start();
  const operator = tokensBySocket(folder.path);
  onTestFinished(() => operator.close());
  const leaving = await watch(hub.address, GONE);
  const staying = await watch(hub.address, STAYS);

  await folder.configure({ auth: { tokens: [{ ...gone, sha256: 'none' }] }, logLevel: 'debug' });
  const wrong = await operator.access.reload({}).catch(ConnectError.from);
  expect(wrong).toMatchObject({ rawMessage: expect.stringMatching(/auth\.tokens\.0\.sha256: must be 64 hexadecimal/) });
  expect(await staying.warnings()).toContainEqual(expect.stringContaining('is not in force'));
  expect([leaving.isOpen(), staying.isOpen()]).toEqual([true, true]);

  await folder.configure({ auth: { tokens: [stays] }, logLevel: 'debug' });
  expect(await operator.access.reload({})).toMatchObject({ changed: ['auth.tokens'], needsRestart: ['logLevel'] });
  expect(await leaving.ended).toContain('no longer in the configuration');
  await expect(watch(hub.address, GONE)).rejects.toThrow('this hub does not know the token');
  expect(await staying.warnings()).not.toContainEqual(expect.stringContaining('is not in force'));

  await folder.configure({ auth: { tokens: [] } });
  process.kill(hub.pid, 'SIGHUP');
  expect(await staying.ended).toContain('no longer in the configuration');
  expect(hub.log).toContain('SIGHUP: the configuration file is read again');
  await vi.waitFor(() => expect(reloadsIn(folder)).toHaveLength(6), WAIT);
  expect(reloadsIn(folder)).toMatchObject([
    { event: 'request', decision: 'allowed', principal: { kind: 'socket' } },
    { event: 'outcome', code: 'CONFIG_INVALID' },
    { event: 'request', decision: 'allowed' },
    { event: 'outcome', code: 'OK', result: { changed: ['auth.tokens'], needs_restart: ['logLevel'] } },
    { event: 'request', decision: 'allowed', principal: { kind: 'signal', name: 'SIGHUP' } },
    { event: 'outcome', code: 'OK', result: { changed: ['auth.tokens'], needs_restart: [] } },
  ]);
});

function reloadsIn(folder: HubFolder): readonly Record<string, unknown>[] {
  const days = globSync(join(folder.path, '.hms-sync', 'audit', '*.jsonl')).sort();
  const lines = days.flatMap((day) => readFileSync(day, 'utf8').split('\n').slice(0, -1));
  return lines.map((line) => JSON.parse(line)).filter(({ rpc }) => rpc === 'hms.sync.v1.AccessService/Reload');
}
