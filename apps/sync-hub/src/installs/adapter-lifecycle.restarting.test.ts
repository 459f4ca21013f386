import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { writePackage } from './sample-package.suite.ts';
import { openHouse, openWithLab, standing, until, upgradeTo } from './test-house.suite.ts';

describe('restarting an adapter', () => {
  it('starts the same version with its secrets as they are now, and the one before finishes what it has', async () => {
    const house = await openWithLab();
    const [first] = house.made;
    if (first === undefined) throw new Error('nothing runs');
    const atOld = Promise.withResolvers<Outcome>();
    first.runtime.answer = () => atOld.promise;
    await house.accept('a');
    await until(() => first.runtime.ids.length === 1);
    const restarting = house.lifecycle.restart('lab');
    await until(() => house.made.length === 2);
    await house.accept('b');
    await until(() => house.records.length === 1);
    expect(house.made[1]?.runtime.ids).toEqual(['b']);
    expect(first.runtime.isClosed).toBe(false);
    atOld.resolve({ kind: 'delivered', receipt: '' });
    expect(await restarting).toEqual({ id: 'lab', version: '1.0.0', warnings: [] });
    expect(first.runtime.isClosed).toBe(true);
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('leaves what runs alone when it does not start', async () => {
    const house = await openWithLab();
    house.plays.set('1.0.0', (runtime) => {
      runtime.start = async () => ({ kind: 'failed', reason: 'config.token: is refused' });
    });
    await expect(house.lifecycle.restart('lab')).rejects.toMatchObject({
      code: 'DOES_NOT_RUN',
      message: 'lab 1.0.0 does not run: config.token: is refused; 1.0.0 stays',
    });
    expect(house.made.map(({ runtime }) => runtime.isClosed)).toEqual([false, true]);
  });

  it('reads the secrets of one in the configuration file again, and says when it is paused', async () => {
    const settings = { token: 'old' };
    const house = await openHouse({ lab: { package: '@clinic/adapter-lab', range: '^1.0.0', settings } });
    const other = await openWithLab();
    const lane = other.lanes.get('lab');
    if (lane === undefined) throw new Error('there is no lane');
    house.lanes.add(lane);
    const { manifest, locked } = await house.store.install(await writePackage());
    await house.store.lock.set('lab', { package: manifest.package, current: locked });
    lane.pause({ kind: 'misconfigured', failure: { code: 'HTTP_401', message: 'who are you' } });
    const { warnings } = await house.lifecycle.restart('lab');
    expect(house.made.at(-1)?.version.settings).toEqual({ token: 'old', read: 'again' });
    expect(warnings).toEqual([
      "lab is still paused (HTTP_401: who are you); to resume it, hms-sync adapter resume lab --reason '<why>'",
    ]);
  });

  it('of a version that crashes does not make it one to go back to', async () => {
    const house = await openWithLab();
    await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.1.0' })));
    house.crash();
    await house.lifecycle.restart('lab');
    await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect((await standing(house)).previous).toBe('1.0.0');
  });

  it('is not of an adapter that the hub does not have', async () => {
    const house = await openHouse();
    await expect(house.lifecycle.restart('lab')).rejects.toMatchObject({ code: 'NO_SUCH_ADAPTER' });
  });
});

it('an adapter that ended skips what it does not accept, as it did while it ran', async () => {
  const house = await openHouse();
  house.plays.set('1.0.0', (runtime) => {
    runtime.start = async () => ({
      ...{ kind: 'ready', accepts: new Set(['PolicyUpdated']), concurrency: 8, attemptTimeoutMs: 10_000 },
    });
  });
  await house.lifecycle.add({ package: await writePackage(), config: {} });
  house.crash();
  await house.accept('a', 'b');
  await until(() => house.records.length === 2);
  expect(house.records.map(({ state }) => state)).toEqual(['skipped', 'skipped']);
  expect(house.lanes.get('lab')?.health().state).toBe('starting');
  expect(await house.openDeliveries('lab')).toBe(0);
});
