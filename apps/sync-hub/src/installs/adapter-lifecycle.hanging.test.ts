import { describe, expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { writePackage } from './sample-package.suite.ts';
import { openHouse, until } from './test-house.suite.ts';

describe('adding several adapters at a time', () => {
  it('does not make one wait for another that hangs while it starts', async () => {
    const house = await openHouse();
    const hung = Promise.withResolvers<RuntimeStart>();
    house.plays.set('1.0.0', (runtime) => {
      runtime.start = () => hung.promise;
    });
    const hanging = house.lifecycle.add({ package: await writePackage(), config: {} });
    await until(() => house.made.length === 1);
    await house.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), id: 'other', config: {} });
    expect(house.lanes.ids).toEqual(['other']);
    // What is being added holds its id, and its folder.
    const again = house.lifecycle.add({ package: await writePackage({ version: '1.2.0' }), config: {} });
    await expect(again).rejects.toThrow('an installation of lab is under way');
    hung.resolve({ kind: 'failed', reason: 'it hung' });
    await expect(hanging).rejects.toThrow('it hung');
    await house.lifecycle.add({ package: await writePackage({ version: '1.2.0' }), config: {} });
    expect(house.lanes.ids).toEqual(['lab', 'other']);
  });

  it('is bounded: one more is refused, and never waits', async () => {
    const house = await openHouse();
    house.plays.set('1.0.0', (runtime) => {
      runtime.start = () => new Promise(() => {});
    });
    for (let number = 0; number < 4; number += 1) {
      void house.lifecycle.add({ package: await writePackage(), id: `lab-${number}`, config: {} });
    }
    await until(() => house.made.length === 4);
    const fifth = house.lifecycle.add({ package: await writePackage({ version: '1.1.0' }), config: {} });
    await expect(fifth).rejects.toThrow('4 installations are under way');
  });
});
