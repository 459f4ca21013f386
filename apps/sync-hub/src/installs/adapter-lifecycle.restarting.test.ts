import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { openFixture, openWithLab, until, upgradeTo, versionsOf } from './lifecycle.fixture.ts';
import { writePackage } from './sample-package.fixture.ts';

describe('restarting an adapter', () => {
  it('starts the same version with its secrets as they are now, and the one before finishes what it has', async () => {
    const fixture = await openWithLab();
    const [first] = fixture.made;
    if (first === undefined) throw new Error('nothing runs');
    const atOld = Promise.withResolvers<Outcome>();
    first.runtime.answer = () => atOld.promise;
    await fixture.accept('a');
    await until(() => first.runtime.ids.length === 1);
    const restarting = fixture.lifecycle.restart('lab');
    await until(() => fixture.made.length === 2);
    await fixture.accept('b');
    await until(() => fixture.records.length === 1);
    expect(fixture.made[1]?.runtime.ids).toEqual(['b']);
    expect(first.runtime.isClosed).toBe(false);
    atOld.resolve({ kind: 'delivered', receipt: '' });
    expect(await restarting).toEqual({ id: 'lab', version: '1.0.0', warnings: [] });
    expect(first.runtime.isClosed).toBe(true);
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('leaves what runs alone when it does not start', async () => {
    const fixture = await openWithLab();
    fixture.plays.set('1.0.0', (runtime) => {
      runtime.start = async () => ({ kind: 'failed', reason: 'config.token: is refused' });
    });
    await expect(fixture.lifecycle.restart('lab')).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.0.0 does not run: config.token: is refused; 1.0.0 stays',
    });
    expect(fixture.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
  });

  it('of one in the configuration file makes it again as that says, and says when it is paused', async () => {
    const fixture = await openFixture({ lab: { package: '@clinic/adapter-lab', range: '^1.0.0' } });
    const other = await openWithLab();
    const lane = other.lanes.get('lab');
    if (lane === undefined) throw new Error('there is no lane');
    fixture.lanes.add(lane);
    const { manifest, locked } = await fixture.store.install(await writePackage());
    await fixture.store.lock.set('lab', { package: manifest.package, current: locked });
    lane.pause({ kind: 'misconfigured', failure: { code: 'HTTP_401', message: 'who are you' } });
    const { warnings } = await fixture.lifecycle.restart('lab');
    expect(fixture.made.at(-1)?.version).toMatchObject({ id: 'lab', config: undefined });
    expect(warnings).toEqual([
      "lab is still paused (HTTP_401: who are you); to resume it, hms-sync adapter resume lab --reason '<why>'",
    ]);
  });

  it('of a version that crashes does not make it one to go back to', async () => {
    const fixture = await openWithLab();
    await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    fixture.crash();
    await fixture.lifecycle.restart('lab');
    await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect((await versionsOf(fixture)).previous).toBe('1.0.0');
  });

  it('is not of an adapter that the hub does not have', async () => {
    const fixture = await openFixture();
    await expect(fixture.lifecycle.restart('lab')).rejects.toMatchObject({ code: 'NO_SUCH_ADAPTER' });
  });
});

it('an adapter that ended skips what it does not accept, as it did while it ran', async () => {
  const fixture = await openFixture();
  fixture.plays.set('1.0.0', (runtime) => {
    runtime.start = async () => ({
      ...{ kind: 'ready', accepts: new Set(['PolicyUpdated']), concurrency: 8, attemptTimeoutMs: 10_000 },
    });
  });
  await fixture.lifecycle.add({ package: await writePackage(), config: {} });
  fixture.crash();
  await fixture.accept('a', 'b');
  await until(() => fixture.records.length === 2);
  expect(fixture.records.map(({ state }) => state)).toEqual(['skipped', 'skipped']);
  expect(fixture.lanes.get('lab')?.health().state).toBe('starting');
  expect(await fixture.openDeliveries('lab')).toBe(0);
});
