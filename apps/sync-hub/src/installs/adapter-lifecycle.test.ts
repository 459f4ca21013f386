import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isInShare } from '../core/canary-rule.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { writePackage } from './sample-package.suite.ts';
import { openHouse, openWithLab, standing, until, upgradeTo } from './test-house.suite.ts';

const failure = { code: 'HTTP_500', message: 'unwell' };

describe('adding an adapter', () => {
  it('gives it what is accepted from then on, keeps its configuration as it was said, and warns of its check', async () => {
    const house = await openHouse();
    const token = `\${LAB_TOKEN}`;
    house.plays.set('1.0.0', (runtime) => {
      runtime.check = async () => [
        { name: 'reach', ok: false, message: 'no answer' },
        { name: 'credentials', ok: true, message: '' },
      ];
    });
    await house.accept('before');
    const added = await house.lifecycle.add({ package: await writePackage(), config: { token } });
    expect(added).toEqual({ id: 'lab', version: '1.0.0', warnings: ['reach: no answer'] });
    await house.accept('after');
    await until(() => house.records.length === 1);
    expect(house.made[0]?.runtime.ids).toEqual(['after']);
    expect(house.store.lock.get('lab')?.config).toEqual({ token });
    expect(await house.currentInLock('lab')).toBe('1.0.0');
  });

  it('leaves nothing of one that does not start', async () => {
    const house = await openHouse();
    house.plays.set('1.0.0', (runtime) => {
      runtime.start = async () => ({ kind: 'failed', reason: 'config.token: is required' });
    });
    const adding = house.lifecycle.add({ package: await writePackage(), config: {} });
    await expect(adding).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.0.0 does not run: config.token: is required; it was not added',
    });
    expect(house.lanes.ids).toEqual([]);
    expect(house.made[0]?.runtime.isClosed).toBe(true);
    expect(await readdir(house.folder)).toEqual([]);
  });

  it('refuses a configuration that is not allowed before it looks at the package', async () => {
    const house = await openHouse();
    const adding = house.lifecycle.add({ package: '/nowhere', config: { token: 'NOT_ALLOWED' } });
    await expect(adding).rejects.toMatchObject({ code: 'NOT_ALLOWED', message: 'config.token: may not be used' });
  });

  it('refuses an id that is there, and takes the same package under another', async () => {
    const house = await openWithLab();
    const source = await writePackage();
    await expect(house.lifecycle.add({ package: source, config: {} })).rejects.toMatchObject({
      code: 'TAKEN',
      message: expect.stringContaining('--id'),
    });
    await house.lifecycle.add({ package: source, id: 'lab-south', config: {} });
    expect(house.lanes.ids).toEqual(['lab', 'lab-south']);
  });

  it('installs what the configuration file names, within its range, and the lane that waited goes on with it', async () => {
    const house = await openHouse({
      lab: { package: '@clinic/adapter-lab', range: '^1.0.0', settings: { from: 'file' } },
    });
    // As main.ts makes it for an adapter that is not installed.
    const waiting = await openWithLab();
    const lane = waiting.lanes.get('lab');
    if (lane === undefined) throw new Error('there is no lane');
    lane.versions.current.start = async () => ({ kind: 'failed', reason: 'not installed' });
    Object.defineProperty(lane.versions.current, 'standing', { value: { kind: 'failed', reason: 'not installed' } });
    house.lanes.add(lane);
    const source = await writePackage({ version: '2.0.0' });
    await expect(house.lifecycle.add({ package: source, config: undefined })).rejects.toThrow('allows ^1.0.0 of lab');
    await house.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), config: undefined });
    expect(lane.adapter.version).toBe('1.1.0');
    expect(house.made.at(-1)?.version.settings).toEqual({ from: 'file', read: 'again' });
    expect(house.store.lock.get('lab')).not.toHaveProperty('config');
  });
});

describe('upgrading an adapter', () => {
  it('moves a key when the old version has none of it in flight, and can be taken back', async () => {
    const house = await openWithLab();
    const atOld = Promise.withResolvers<Outcome>();
    const [first] = house.made;
    if (first === undefined) throw new Error('nothing runs');
    first.runtime.answer = () => atOld.promise;
    await house.accept('a');
    await until(() => first.runtime.ids.length === 1);
    const upgrading = house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await until(() => house.lanes.get('lab')?.adapter.version === '1.1.0');
    await house.accept('b');
    await until(() => house.records.length === 1);
    expect(house.records).toMatchObject([{ eventId: 'b', adapterVersion: '1.1.0' }]);
    expect(first.runtime.isClosed).toBe(false);
    atOld.resolve({ kind: 'delivered', receipt: '' });
    expect(await upgrading).toEqual({ id: 'lab', version: '1.1.0', warnings: [] });
    await until(() => house.records.length === 2);
    expect(house.records[1]).toMatchObject({ eventId: 'a', adapterVersion: '1.0.0' });
    expect(first.runtime.isClosed).toBe(true);
    expect(await standing(house)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
    await house.lifecycle.rollback('lab', 'it is slow');
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: '1.1.0' });
  });

  it.each([
    ['does not start', { kind: 'failed', reason: 'config.url: is required' }],
    ['speaks no protocol of this hub', { kind: 'incompatible', reason: 'it speaks protocol 9' }],
  ] as const)('to one that %s changes nothing, and says why', async (_what, start) => {
    const house = await openWithLab();
    house.plays.set('1.1.0', (runtime) => {
      runtime.start = async () => start;
    });
    const upgrading = house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await expect(upgrading).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: `lab 1.1.0 does not run: ${start.reason}; 1.0.0 stays`,
    });
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
    expect(house.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
    expect((await readdir(join(house.folder, 'lab'))).sort()).toEqual(['1.0.0', '1.0.0.files']);
  });

  it('to one that ends while it checks itself changes nothing', async () => {
    const house = await openWithLab();
    house.plays.set('1.1.0', (runtime) => {
      const { start } = runtime;
      runtime.start = (onChange?: (start: RuntimeStart) => void) => {
        runtime.check = async () => {
          onChange?.({ kind: 'starting', reason: 'its process exited with code 4' });
          return [{ name: 'check', ok: false, message: 'the adapter did not answer' }];
        };
        return start();
      };
    });
    const upgrading = house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await expect(upgrading).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.1.0 does not run: its process exited with code 4; 1.0.0 stays',
    });
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('to a version that takes fewer types says what will be skipped', async () => {
    const house = await openWithLab();
    const accepts = new Set(['PolicyUpdated', 'ClinicUpdated']);
    const narrow = { kind: 'ready', accepts, concurrency: 8, attemptTimeoutMs: 10_000 } as const;
    house.plays.set('1.1.0', (runtime) => {
      runtime.start = async () => narrow;
    });
    const first = await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    expect(first.warnings).toEqual([expect.stringContaining('other than PolicyUpdated, ClinicUpdated are no longer')]);
    house.plays.set('1.2.0', (runtime) => {
      runtime.start = async () => ({ ...narrow, accepts: new Set(['ClinicUpdated', 'More']) });
    });
    const second = await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect(second.warnings).toEqual([expect.stringContaining('types: PolicyUpdated are no longer taken')]);
  });

  it('to an older version is refused unless it is meant, and the same version again does nothing', async () => {
    const house = await openWithLab();
    const [older, same] = [await writePackage({ version: '0.9.0' }), await writePackage()];
    await expect(house.lifecycle.upgrade(upgradeTo(older))).rejects.toThrow('0.9.0 is older than the 1.0.0 that runs');
    await house.lifecycle.upgrade(upgradeTo(same));
    expect(house.made).toHaveLength(1);
    await house.lifecycle.upgrade({ ...upgradeTo(older), allowDowngrade: true });
    expect(await standing(house)).toEqual({ version: '0.9.0', current: '0.9.0', previous: '1.0.0' });
  });

  it('with a canary that fails more goes back by itself, and the version before has never left', async () => {
    const house = await openWithLab();
    house.plays.set('1.1.0', (runtime) => {
      runtime.answer = async () => ({ kind: 'permanent', failure });
    });
    const source = await writePackage({ version: '1.1.0' });
    const canary = { percent: 50, attempts: 200, timeMs: 60_000 };
    const upgrading = house.lifecycle.upgrade({ ...upgradeTo(source), canary }).catch((error: unknown) => error);
    await until(() => house.lanes.get('lab')?.health().canary !== undefined);
    const ids = Array.from({ length: 80 }, (_, index) => `event-${index}`);
    await house.accept(...ids.filter((id) => !isInShare(id, 50)));
    await house.accept(...ids.filter((id) => isInShare(id, 50)));
    expect(await upgrading).toMatchObject({
      code: 'DOES_NOT_RUN',
      message: expect.stringContaining('was rolled back to 1.0.0'),
    });
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
    expect(house.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
  });

  it('is one at a time, and a rollback during a canary ends that', async () => {
    const house = await openWithLab();
    const source = await writePackage({ version: '1.1.0' });
    const canary = { percent: 50, attempts: 200, timeMs: 60_000 };
    const upgrading = house.lifecycle.upgrade({ ...upgradeTo(source), canary }).catch((error: unknown) => error);
    await until(() => house.lanes.get('lab')?.health().canary !== undefined);
    expect(await house.currentInLock('lab')).toBe('1.0.0');
    await expect(house.lifecycle.upgrade(upgradeTo(source))).rejects.toThrow('an upgrade of lab is under way');
    await expect(house.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'NOT_NOW' });
    expect(await house.lifecycle.rollback('lab', 'not today')).toMatchObject({ version: '1.0.0' });
    expect(await upgrading).toMatchObject({ message: expect.stringContaining('an operator ended it: not today') });
  });

  it('is not of adapters that the hub has not installed', async () => {
    const house = await openWithLab();
    await expect(house.lifecycle.upgrade({ ...upgradeTo('1'), id: 'billing' })).rejects.toMatchObject({
      code: 'NO_SUCH_ADAPTER',
    });
    await expect(house.lifecycle.rollback('lab', 'x')).rejects.toThrow('no version before 1.0.0 to go back to');
  });
});

it('a version that was changed on disk is not started again: the one before takes its place, and says why', async () => {
  const house = await openWithLab();
  await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
  const running = house.made.at(-1);
  expect(await running?.version.fault?.()).toBeUndefined();
  expect(await running?.version.fault?.()).toBeUndefined();
  const file = join(house.folder, 'lab', '1.1.0', 'node_modules', '@clinic', 'adapter-lab', 'index.js');
  await writeFile(file, `${await readFile(file, 'utf8')} `);
  expect(await running?.version.fault?.()).toContain(`${file} was changed`);
  await until(() => house.lanes.get('lab')?.adapter.version === '1.0.0');
  await until(() => running?.runtime.isClosed === true);
  expect(house.lifecycle.standing('lab').notice).toContain(`${file} was changed`);
  expect(await house.currentInLock('lab')).toBe('1.1.0');
  await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
  expect(await standing(house)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
  expect(house.lifecycle.standing('lab').notice).toBe('');
});
