import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isInShare } from '../core/canary-rule.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { openFixture, openWithLab, until, upgradeTo, versionsOf } from './lifecycle.fixture.ts';
import { writePackage } from './sample-package.fixture.ts';

const failure = { code: 'HTTP_500', message: 'unwell' };

describe('adding an adapter', () => {
  it('gives it what is accepted from then on, keeps its configuration as it was said, and warns of its check', async () => {
    const fixture = await openFixture();
    const token = `\${LAB_TOKEN}`;
    fixture.plays.set('1.0.0', (runtime) => {
      runtime.check = async () => [
        { name: 'reach', ok: false, message: 'no answer' },
        { name: 'credentials', ok: true, message: '' },
      ];
    });
    await fixture.accept('before');
    const added = await fixture.lifecycle.add({ package: await writePackage(), config: { token } });
    expect(added).toEqual({ id: 'lab', version: '1.0.0', warnings: ['reach: no answer'] });
    await fixture.accept('after');
    await until(() => fixture.records.length === 1);
    expect(fixture.made[0]?.runtime.ids).toEqual(['after']);
    expect(fixture.made[0]?.version.config).toEqual({ token });
    expect(fixture.store.lock.get('lab')?.config).toEqual({ token });
    expect(await fixture.currentInLock('lab')).toBe('1.0.0');
  });

  it('leaves nothing of one that does not start', async () => {
    const fixture = await openFixture();
    fixture.plays.set('1.0.0', (runtime) => {
      runtime.start = async () => ({ kind: 'failed', reason: 'config.token: is required' });
    });
    const adding = fixture.lifecycle.add({ package: await writePackage(), config: {} });
    await expect(adding).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.0.0 does not run: config.token: is required; it was not added',
    });
    expect(fixture.lanes.ids).toEqual([]);
    expect(fixture.made[0]?.runtime.isClosed).toBe(true);
    expect(await readdir(fixture.folder)).toEqual([]);
  });

  it('refuses a configuration that is not allowed before it looks at the package', async () => {
    const fixture = await openFixture();
    const adding = fixture.lifecycle.add({ package: '/nowhere', config: { token: 'NOT_ALLOWED' } });
    await expect(adding).rejects.toMatchObject({ code: 'NOT_ALLOWED', message: 'config.token: may not be used' });
  });

  it.each([
    ['asks for 64 GB', { limits: { memoryMb: 65_536 } }, 'asks for 65536 MB of memory'],
    ['declares no permissions', {}, 'does not declare what it may reach'],
  ])('refuses a package that %s, and an upgrade to it, before anything of it runs', async (_what, asked, says) => {
    const fixture = await openFixture();
    Object.assign(fixture.limits, { permissions: 'required' });
    const hmsSync = { manifest: 1, id: 'lab', protocols: [1] };
    const modest = { packageJson: { hmsSync: { ...hmsSync, permissions: {} } } };
    const greedy = { version: '1.1.0', packageJson: { hmsSync: { ...hmsSync, ...asked } } };
    const rejection = { code: 'NOT_ALLOWED', message: expect.stringContaining(says) };
    const source = await writePackage(greedy);
    await expect(fixture.lifecycle.add({ package: source, config: {} })).rejects.toMatchObject(rejection);
    expect(await readdir(fixture.folder)).toEqual([]);
    await fixture.lifecycle.add({ package: await writePackage(modest), config: {} });
    await expect(fixture.lifecycle.upgrade(upgradeTo(source))).rejects.toMatchObject(rejection);
    expect(fixture.made.map(({ version }) => version.manifest?.version)).toEqual(['1.0.0']);
    expect(await readdir(join(fixture.folder, 'lab'))).toEqual(['1.0.0', '1.0.0.files']);
  });

  it('is reviewed before: what it would be, the secrets it uses, or why not, and nothing of it runs or stays', async () => {
    const fixture = await openWithLab();
    const source = await writePackage({ version: '1.1.0' });
    const config = { LAB_TOKEN: 'by reference' };
    const added = await fixture.lifecycle.reviewAdd({ package: source, id: 'lab-south', config });
    expect(added).toMatchObject({ manifest: { id: 'lab-south', version: '1.1.0' }, secrets: ['LAB_TOKEN'] });
    const upgraded = await fixture.lifecycle.reviewUpgrade(upgradeTo(source));
    expect(upgraded).toMatchObject({ manifest: { id: 'lab', version: '1.1.0' }, integrity: added.integrity });
    await expect(fixture.lifecycle.reviewAdd({ package: source, config })).rejects.toMatchObject({ code: 'TAKEN' });
    const forbidden = { package: source, id: 'lab-south', config: { token: 'NOT_ALLOWED' } };
    await expect(fixture.lifecycle.reviewAdd(forbidden)).rejects.toMatchObject({ code: 'NOT_ALLOWED' });
    expect(fixture.made).toHaveLength(1);
    expect((await readdir(fixture.folder)).sort()).toEqual(['adapters.lock', 'lab']);
    expect(await readdir(join(fixture.folder, 'lab'))).toEqual(['1.0.0', '1.0.0.files']);
  });

  it('refuses an id that is there, and takes the same package under another', async () => {
    const fixture = await openWithLab();
    const source = await writePackage();
    await expect(fixture.lifecycle.add({ package: source, config: {} })).rejects.toMatchObject({
      code: 'TAKEN',
      message: expect.stringContaining('--id'),
    });
    await fixture.lifecycle.add({ package: source, id: 'lab-south', config: {} });
    expect(fixture.lanes.ids).toEqual(['lab', 'lab-south']);
  });

  it('installs what the configuration file names, within its range, and the lane that waited goes on with it', async () => {
    const fixture = await openFixture({
      lab: { package: '@clinic/adapter-lab', range: '^1.0.0' },
    });
    // As main.ts makes it for an adapter that is not installed.
    const waiting = await openWithLab();
    const lane = waiting.lanes.get('lab');
    if (lane === undefined) throw new Error('there is no lane');
    lane.versions.current.start = async () => ({ kind: 'failed', reason: 'not installed' });
    Object.defineProperty(lane.versions.current, 'status', { value: { kind: 'failed', reason: 'not installed' } });
    fixture.lanes.add(lane);
    const source = await writePackage({ version: '2.0.0' });
    await expect(fixture.lifecycle.add({ package: source, config: undefined })).rejects.toThrow('allows ^1.0.0 of lab');
    await fixture.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), config: undefined });
    expect(lane.adapter.version).toBe('1.1.0');
    expect(fixture.made.at(-1)?.version.config).toBeUndefined();
    expect(fixture.store.lock.get('lab')).not.toHaveProperty('config');
  });
});

describe('upgrading an adapter', () => {
  it('moves a key when the old version has none of it in flight, and can be taken back', async () => {
    const fixture = await openWithLab();
    const atOld = Promise.withResolvers<Outcome>();
    const [first] = fixture.made;
    if (first === undefined) throw new Error('nothing runs');
    first.runtime.answer = () => atOld.promise;
    await fixture.accept('a');
    await until(() => first.runtime.ids.length === 1);
    const upgrading = fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await until(() => fixture.lanes.get('lab')?.adapter.version === '1.1.0');
    await fixture.accept('b');
    await until(() => fixture.records.length === 1);
    expect(fixture.records).toMatchObject([{ eventId: 'b', adapterVersion: '1.1.0' }]);
    expect(first.runtime.isClosed).toBe(false);
    atOld.resolve({ kind: 'delivered', receipt: '' });
    expect(await upgrading).toEqual({ id: 'lab', version: '1.1.0', warnings: [] });
    await until(() => fixture.records.length === 2);
    expect(fixture.records[1]).toMatchObject({ eventId: 'a', adapterVersion: '1.0.0' });
    expect(first.runtime.isClosed).toBe(true);
    expect(await versionsOf(fixture)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
    await fixture.lifecycle.rollback('lab', 'it is slow');
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: '1.1.0' });
  });

  it.each([
    ['does not start', { kind: 'failed', reason: 'config.url: is required' }],
    ['speaks no protocol of this hub', { kind: 'incompatible', reason: 'it speaks protocol 9' }],
  ] as const)('to one that %s changes nothing, and says why', async (_what, start) => {
    const fixture = await openWithLab();
    fixture.plays.set('1.1.0', (runtime) => {
      runtime.start = async () => start;
    });
    const upgrading = fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await expect(upgrading).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: `lab 1.1.0 does not run: ${start.reason}; 1.0.0 stays`,
    });
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
    expect(fixture.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
    expect((await readdir(join(fixture.folder, 'lab'))).sort()).toEqual(['1.0.0', '1.0.0.files']);
  });

  it('to one that ends while it checks itself changes nothing', async () => {
    const fixture = await openWithLab();
    fixture.plays.set('1.1.0', (runtime) => {
      const { start } = runtime;
      runtime.start = (onChange?: (start: RuntimeStart) => void) => {
        runtime.check = async () => {
          onChange?.({ kind: 'starting', reason: 'its process exited with code 4' });
          return [{ name: 'check', ok: false, message: 'the adapter did not answer' }];
        };
        return start();
      };
    });
    const upgrading = fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    await expect(upgrading).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.1.0 does not run: its process exited with code 4; 1.0.0 stays',
    });
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('to a version that accepts fewer types says what will be skipped', async () => {
    const fixture = await openWithLab();
    const accepts = new Set(['PolicyUpdated', 'ClinicUpdated']);
    const narrow = { kind: 'ready', accepts, concurrency: 8, attemptTimeoutMs: 10_000 } as const;
    fixture.plays.set('1.1.0', (runtime) => {
      runtime.start = async () => narrow;
    });
    const first = await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    expect(first.warnings).toEqual([expect.stringContaining('other than PolicyUpdated, ClinicUpdated are no longer')]);
    fixture.plays.set('1.2.0', (runtime) => {
      runtime.start = async () => ({ ...narrow, accepts: new Set(['ClinicUpdated', 'More']) });
    });
    const second = await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect(second.warnings).toEqual([expect.stringContaining('types: PolicyUpdated are no longer accepted')]);
  });

  it('to an older version is refused unless it is meant, and the same version again does nothing', async () => {
    const fixture = await openWithLab();
    const [older, same] = [await writePackage({ version: '0.9.0' }), await writePackage()];
    await expect(fixture.lifecycle.upgrade(upgradeTo(older))).rejects.toThrow(
      '0.9.0 is older than the 1.0.0 that runs',
    );
    await fixture.lifecycle.upgrade(upgradeTo(same));
    expect(fixture.made).toHaveLength(1);
    await fixture.lifecycle.upgrade({ ...upgradeTo(older), allowDowngrade: true });
    expect(await versionsOf(fixture)).toEqual({ version: '0.9.0', current: '0.9.0', previous: '1.0.0' });
  });

  it('with a canary that fails more goes back by itself, and the version before has never left', async () => {
    const fixture = await openWithLab();
    fixture.plays.set('1.1.0', (runtime) => {
      runtime.answer = async () => ({ kind: 'permanent', failure });
    });
    const source = await writePackage({ version: '1.1.0' });
    const canary = { percent: 50, attempts: 200, timeMs: 60_000 };
    const upgrading = fixture.lifecycle.upgrade({ ...upgradeTo(source), canary }).catch((error: unknown) => error);
    await until(() => fixture.lanes.get('lab')?.health().canary !== undefined);
    const ids = Array.from({ length: 80 }, (_, index) => `event-${index}`);
    await fixture.accept(...ids.filter((id) => !isInShare(id, 50)));
    await fixture.accept(...ids.filter((id) => isInShare(id, 50)));
    expect(await upgrading).toMatchObject({
      code: 'DOES_NOT_RUN',
      message: expect.stringContaining('was rolled back to 1.0.0'),
    });
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
    expect(fixture.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
  });

  it('is one at a time, and a rollback during a canary ends that', async () => {
    const fixture = await openWithLab();
    const source = await writePackage({ version: '1.1.0' });
    const canary = { percent: 50, attempts: 200, timeMs: 60_000 };
    const upgrading = fixture.lifecycle.upgrade({ ...upgradeTo(source), canary }).catch((error: unknown) => error);
    await until(() => fixture.lanes.get('lab')?.health().canary !== undefined);
    expect(await fixture.currentInLock('lab')).toBe('1.0.0');
    await expect(fixture.lifecycle.upgrade(upgradeTo(source))).rejects.toThrow('an upgrade of lab is under way');
    await expect(fixture.lifecycle.remove('lab')).rejects.toMatchObject({ code: 'NOT_NOW' });
    expect(await fixture.lifecycle.rollback('lab', 'not today')).toMatchObject({ version: '1.0.0' });
    expect(await upgrading).toMatchObject({ message: expect.stringContaining('an operator ended it: not today') });
  });

  it('to another package is refused, and says what to do', async () => {
    const fixture = await openWithLab();
    const other = await writePackage({ packageJson: { name: 'other-lab' } });
    await expect(fixture.lifecycle.upgrade(upgradeTo(other))).rejects.toMatchObject({
      code: 'TAKEN',
      message: expect.stringContaining('the id "lab" belongs to @clinic/adapter-lab; remove that adapter first'),
    });
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('is not of adapters that the hub has not installed', async () => {
    const fixture = await openWithLab();
    await expect(fixture.lifecycle.upgrade({ ...upgradeTo('1'), id: 'billing' })).rejects.toMatchObject({
      code: 'NO_SUCH_ADAPTER',
    });
    await expect(fixture.lifecycle.rollback('lab', 'x')).rejects.toThrow('no version before 1.0.0 to go back to');
  });
});

it('a version that was changed on disk is not started again: the one before takes its place, and says why', async () => {
  const fixture = await openWithLab();
  await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
  const running = fixture.made.at(-1);
  expect(await running?.version.fault?.()).toBeUndefined();
  expect(await running?.version.fault?.()).toBeUndefined();
  const file = join(fixture.folder, 'lab', '1.1.0', 'node_modules', '@clinic', 'adapter-lab', 'index.js');
  await writeFile(file, `${await readFile(file, 'utf8')} `);
  expect(await running?.version.fault?.()).toContain(`${file} was changed`);
  await until(() => fixture.lanes.get('lab')?.adapter.version === '1.0.0');
  await until(() => running?.runtime.isClosed === true);
  expect(fixture.lifecycle.status('lab').notice).toContain(`${file} was changed`);
  expect(await fixture.currentInLock('lab')).toBe('1.1.0');
  await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
  expect(await versionsOf(fixture)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
  expect(fixture.lifecycle.status('lab').notice).toBe('');
});
