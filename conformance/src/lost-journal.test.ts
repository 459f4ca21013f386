import { copyFile, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import type { Hub } from './hub.ts';
import { HubFolder } from './hub-folder.ts';
import { createSyncClient } from './sync-client.ts';
import { grpcJs } from './transports/grpc-js.ts';

let folder: HubFolder;
let data: string;
let path: string;

beforeEach(async () => {
  folder = await HubFolder.create({ config: { dataDir: 'data' } });
  data = join(folder.path, 'data');
  path = join(data, 'journal.db');
});
afterEach(() => folder.remove());

function clientOf(hub: Hub) {
  const client = createSyncClient(grpcJs.create(hub.address));
  onTestFinished(() => client.close());
  return client;
}

/** A hub that has acknowledged the event "kept". */
async function startWithEvent(): Promise<Hub> {
  const hub = await folder.start();
  await clientOf(hub).publishAndWait({ id: 'kept', type: 'ProcessUpdated' });
  return hub;
}

async function expectKept(): Promise<void> {
  const client = clientOf(await folder.start());
  expect((await client.getEvent('kept')).event?.type).toBe('ProcessUpdated');
}

/** By itself, with exit code 4 and a line that says what happened. Nobody publishes meanwhile. */
async function endOf(hub: Hub): Promise<string> {
  const { code, stderr } = await hub.ended;
  expect(code).toBe(4);
  const lines = stderr.split('\n').filter((line) => line.startsWith('hms-sync: '));
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

describe('a running hub ends and reports what may be lost when', () => {
  test('its journal is deleted', async () => {
    const hub = await startWithEvent();
    await rm(path);
    const said = await endOf(hub);
    expect(said).toMatch(/journal\.db was deleted .* is lost, what was acknowledged too/);
    expect(said).not.toContain('Nothing that was acknowledged is lost');
  });

  test('its journal is moved away, and has every event once it is moved back', async () => {
    const hub = await startWithEvent();
    await rename(path, `${path}.moved`);
    expect(await endOf(hub)).toMatch(/was moved away .*journal\.db\.moved/);
    await rename(`${path}.moved`, path);
    await expectKept();
  });

  test('its data folder is renamed, and has every event once it is renamed back', async () => {
    const hub = await startWithEvent();
    await rename(data, `${data}-old`);
    expect(await endOf(hub)).toMatch(/was moved away .*data-old/);
    await rename(`${data}-old`, data);
    await expectKept();
  });

  test('another file replaces its journal', async () => {
    const hub = await startWithEvent();
    await copyFile(path, `${path}.copy`);
    await rename(`${path}.copy`, path);
    expect(await endOf(hub)).toMatch(/another file was put in its place/);
  });

  test('its WAL is deleted, and writes the content of the WAL into the journal', async () => {
    const hub = await startWithEvent();
    await rm(`${path}-wal`);
    expect(await endOf(hub)).toMatch(/journal\.db-wal was deleted .*Nothing that was acknowledged is lost/);
    await expectKept();
  });

  test('and acknowledges no event that was written to a deleted file', async () => {
    const hub = await startWithEvent();
    const client = clientOf(hub);
    await rm(path);
    await expect(client.publishAndWait({ id: 'late', type: 'ProcessUpdated' })).rejects.toThrow();
    expect(await endOf(hub)).toMatch(/was deleted .* is lost, what was acknowledged too/);
  });
});

describe('a folder that had a journal gets an empty one only with --new-journal', () => {
  const losses: { what: string; lose: () => Promise<void> }[] = [
    { what: 'the journal', lose: () => rm(path) },
    { what: 'every file of the journal', lose: () => removeAll('journal.db') },
    { what: 'the journal, and its log was kept', lose: () => rm(path) },
    { what: 'the content of the journal', lose: () => emptyFile(path) },
    { what: 'the content of every file of it', lose: async () => removeAll('journal.db').then(() => emptyFile(path)) },
  ];

  async function removeAll(prefix: string): Promise<void> {
    const names = (await readdir(data)).filter((name) => name.startsWith(prefix));
    await Promise.all(names.map((name) => rm(join(data, name))));
  }

  async function emptyFile(file: string): Promise<void> {
    await writeFile(file, '', { mode: 0o600 });
  }

  test.for(losses)('when it lost $what', async ({ what, lose }) => {
    const hub = await startWithEvent();
    if (what.includes('log')) await hub.kill();
    else await hub.stop();
    await lose();
    const before = await readdir(data);
    const refused = await folder.run();
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(`${path} is missing or empty`);
    expect(refused.stderr).toContain('--new-journal');
    expect(await readdir(data)).toEqual(before);
    const asked = await folder.start({}, { flags: ['--new-journal'] });
    await expect(clientOf(asked).getEvent('kept')).rejects.toThrow('kept');
  });

  test('and --new-journal is rejected while there is a journal', async () => {
    await (await startWithEvent()).stop();
    const refused = await folder.run('--new-journal');
    expect(refused.code).toBe(4);
    expect(refused.stderr).toContain(`${path} is there`);
    await expectKept();
  });

  test('a hub that is started for the first time creates one, with or without --new-journal', async () => {
    await (await folder.start({}, { flags: ['--new-journal'] })).stop();
    expect(await readFile(join(data, 'data-folder.txt'), 'utf8')).toContain('HMS-Sync');
    await (await folder.start()).stop();
  });
});
