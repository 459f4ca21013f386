import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { writePackage } from './sample-package.suite.ts';
import { openHouse, openWithLab, standing, upgradeTo } from './test-house.suite.ts';

describe('the last version that ran well', () => {
  /** A lab at 1.1.0 that ran as 1.0.0 before and does not run any more; `again`: it was started again and is ready. */
  async function openCrashing({ again = false } = {}) {
    const house = await openWithLab();
    let crash: ((start: RuntimeStart) => void) | undefined;
    house.plays.set('1.1.0', (runtime) => {
      const { start } = runtime;
      runtime.start = (onChange?: (start: RuntimeStart) => void) => {
        crash = onChange;
        return start();
      };
    });
    const sources = { good: await writePackage(), bad: await writePackage({ version: '1.1.0' }) };
    await house.lifecycle.upgrade(upgradeTo(sources.bad));
    const ready = house.lanes.get('lab')?.versions.current.standing;
    crash?.({ kind: 'starting', reason: 'its process exited with code 3' });
    if (again && ready !== undefined) crash?.(ready);
    return { house, sources };
  }

  it.each([
    ['while it is down', false],
    ['in a moment in which it runs', true],
  ])('is not forgotten by an upgrade to the version that crashes, %s', async (_when, again) => {
    const { house, sources } = await openCrashing({ again });
    await house.lifecycle.upgrade(upgradeTo(sources.bad));
    expect(await standing(house)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
    expect(await house.lifecycle.rollback('lab', 'it crashes')).toMatchObject({ version: '1.0.0' });
  });

  it('is not replaced by one that crashes when a third is tried', async () => {
    const { house } = await openCrashing({ again: true });
    await house.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect(await standing(house)).toEqual({ version: '1.2.0', current: '1.2.0', previous: '1.0.0' });
  });

  it('is what a rollback from one that crashes leaves alone', async () => {
    const { house } = await openCrashing();
    await house.lifecycle.rollback('lab', 'it crashes');
    expect(await standing(house)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('is kept when what the configuration file names is added again', async () => {
    const house = await openHouse({ lab: { package: '@clinic/adapter-lab', range: '^1.0.0', settings: {} } });
    const other = await openCrashing();
    const lane = other.house.lanes.get('lab');
    const entry = other.house.store.lock.get('lab');
    if (lane === undefined || entry === undefined) throw new Error('there is no lab');
    house.lanes.add(lane);
    await mkdir(house.folder);
    await house.store.lock.set('lab', entry);
    await house.lifecycle.add({ package: other.sources.bad, config: undefined });
    expect(house.store.lock.get('lab')?.previous?.version).toBe('1.0.0');
  });
});
