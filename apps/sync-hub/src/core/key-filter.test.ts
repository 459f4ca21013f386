import { array, assert, integer, property, string } from 'fast-check';
import { expect, it } from 'vitest';
import { KeyFilter } from './key-filter.ts';

it('never says no to a key that was added', () => {
  assert(
    property(array(string()), integer({ min: 0, max: 9 }), (keys, salt) => {
      const filter = new KeyFilter(64, salt);
      for (const key of keys) filter.add(key);
      expect(keys.every((key) => filter.mayHave(key))).toBe(true);
    }),
  );
});

it('says yes to few others, and to other ones with another salt', () => {
  const wrong = [1, 2].map((salt) => {
    const filter = new KeyFilter(4_194_304, salt);
    for (let key = 0; key < 100_000; key += 1) filter.add(`process-${key}`);
    const others = Array.from({ length: 100_000 }, (_, index) => `policy-${index}`);
    return others.filter((key) => filter.mayHave(key));
  });
  for (const keys of wrong) expect(keys.length).toBeLessThan(600);
  expect(wrong[0]?.filter((key) => wrong[1]?.includes(key)).length).toBeLessThan(20);
});
