import { expect, it } from 'vitest';
import { DeliveryGroups } from './delivery-groups.ts';

it('names the largest groups first, and those of one size by name', () => {
  const groups = new DeliveryGroups();
  for (const name of ['b', 'a', 'c', 'c']) groups.add(name);
  expect(groups.largest(2)).toEqual([
    { name: 'c', deliveries: 2 },
    { name: 'a', deliveries: 1 },
  ]);
  expect(groups.deliveries).toBe(4);
});

it('distinguishes a bounded number of names, and counts all deliveries all the same', () => {
  const groups = new DeliveryGroups();
  for (let index = 0; index < 10_050; index += 1) groups.add(`key-${index}`);
  groups.add('key-0');
  expect(groups.largest(20_000)).toHaveLength(10_000);
  expect(groups.largest(1)).toEqual([{ name: 'key-0', deliveries: 2 }]);
  expect(groups.deliveries).toBe(10_051);
});
