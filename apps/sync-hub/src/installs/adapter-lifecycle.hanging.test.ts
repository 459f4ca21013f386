import { describe, expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { openFixture, until } from './lifecycle.fixture.ts';
import { writePackage } from './sample-package.fixture.ts';

describe('adding several adapters at a time', () => {
  it('does not make one wait for another that hangs while it starts', async () => {
    const fixture = await openFixture();
    const hung = Promise.withResolvers<RuntimeStart>();
    fixture.plays.set('1.0.0', (runtime) => {
      runtime.start = () => hung.promise;
    });
    const hanging = fixture.lifecycle.add({ package: await writePackage(), config: {} });
    await until(() => fixture.made.length === 1);
    await fixture.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), id: 'other', config: {} });
    expect(fixture.lanes.ids).toEqual(['other']);
    // What is being added holds its id, and its folder.
    const again = fixture.lifecycle.add({ package: await writePackage({ version: '1.2.0' }), config: {} });
    await expect(again).rejects.toThrow('an installation of lab is under way');
    hung.resolve({ kind: 'failed', reason: 'it hung' });
    await expect(hanging).rejects.toThrow('it hung');
    await fixture.lifecycle.add({ package: await writePackage({ version: '1.2.0' }), config: {} });
    expect(fixture.lanes.ids).toEqual(['lab', 'other']);
  });

  it('is bounded: one more is refused, and never waits', async () => {
    const fixture = await openFixture();
    fixture.plays.set('1.0.0', (runtime) => {
      runtime.start = () => new Promise(() => {});
    });
    for (let number = 0; number < 4; number += 1) {
      void fixture.lifecycle.add({ package: await writePackage(), id: `lab-${number}`, config: {} });
    }
    await until(() => fixture.made.length === 4);
    const fifth = fixture.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), config: {} });
    await expect(fifth).rejects.toThrow('4 installations are under way');
  });
});
