import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { openFixture, openWithLab, upgradeTo, versionsOf } from './lifecycle.fixture.ts';
import { writePackage } from './sample-package.fixture.ts';

describe('the last version that ran well', () => {
  /** A lab at 1.1.0 that ran as 1.0.0 before and does not run any more; `again`: it was started again and is ready. */
  async function openCrashing({ again = false } = {}) {
    const fixture = await openWithLab();
    let crash: ((start: RuntimeStart) => void) | undefined;
    fixture.plays.set('1.1.0', (runtime) => {
      const { start } = runtime;
      runtime.start = (onChange?: (start: RuntimeStart) => void) => {
        crash = onChange;
        return start();
      };
    });
    const sources = { good: await writePackage(), bad: await writePackage({ version: '1.1.0' }) };
    await fixture.lifecycle.upgrade(upgradeTo(sources.bad));
    const ready = fixture.lanes.get('lab')?.versions.current.status;
    crash?.({ kind: 'starting', reason: 'its process exited with code 3' });
    if (again && ready !== undefined) crash?.(ready);
    return { fixture, sources };
  }

  it.each([
    ['while it is down', false],
    ['in a moment in which it runs', true],
  ])('is not forgotten by an upgrade to the version that crashes, %s', async (_when, again) => {
    const { fixture, sources } = await openCrashing({ again });
    await fixture.lifecycle.upgrade(upgradeTo(sources.bad));
    expect(await versionsOf(fixture)).toEqual({ version: '1.1.0', current: '1.1.0', previous: '1.0.0' });
    expect(await fixture.lifecycle.rollback('lab', 'it crashes')).toMatchObject({ version: '1.0.0' });
  });

  it('is not replaced by one that crashes when a third is tried', async () => {
    const { fixture } = await openCrashing({ again: true });
    await fixture.lifecycle.upgrade(upgradeTo(await writePackage({ version: '1.2.0' })));
    expect(await versionsOf(fixture)).toEqual({ version: '1.2.0', current: '1.2.0', previous: '1.0.0' });
  });

  it('is what a rollback from one that crashes leaves alone', async () => {
    const { fixture } = await openCrashing();
    await fixture.lifecycle.rollback('lab', 'it crashes');
    expect(await versionsOf(fixture)).toEqual({ version: '1.0.0', current: '1.0.0', previous: undefined });
  });

  it('is kept when what the configuration file names is added again', async () => {
    const fixture = await openFixture({ lab: { package: '@clinic/adapter-lab', range: '^1.0.0' } });
    const other = await openCrashing();
    const lane = other.fixture.lanes.get('lab');
    const entry = other.fixture.store.lock.get('lab');
    if (lane === undefined || entry === undefined) throw new Error('there is no lab');
    fixture.lanes.add(lane);
    await mkdir(fixture.folder);
    await fixture.store.lock.set('lab', entry);
    await fixture.lifecycle.add({ package: other.sources.bad, config: undefined });
    expect(fixture.store.lock.get('lab')?.previous?.version).toBe('1.0.0');
  });
});
