import { expect, it } from 'vitest';
import { HeldKeys } from './held-keys.ts';

const key = 'process-7';

it('holds what comes behind the first dead letter of a key, until there is none', () => {
  const held = new HeldKeys();
  held.add({ key, seq: 9 });
  held.add({ key, seq: 4 });
  held.add({ key: 'policy-1', seq: 1 });
  expect([3, 4, 5, 10].map((seq) => held.holds({ key, seq }))).toEqual([false, false, true, true]);
  expect(held.remove(4)).toEqual({ key, seq: 4 });
  expect([5, 9, 10].map((seq) => held.holds({ key, seq }))).toEqual([false, false, true]);
  held.remove(9);
  expect(held.holds({ key, seq: 10 })).toBe(false);
  expect(held.holds({ key: 'policy-1', seq: 2 })).toBe(true);
});

it('takes and lets go of a hundred thousand dead letters of one key without looking at them all', () => {
  const held = new HeldKeys();
  for (let seq = 100_000; seq >= 1; seq -= 1) held.add({ key, seq });
  for (let seq = 1; seq < 100_000; seq += 1) {
    held.remove(seq);
    if (seq % 10_000 === 0) expect(held.firstSeq(key)).toBe(seq + 1);
  }
  expect(held.firstSeq(key)).toBe(100_000);
}, 10_000);

it('does not know a dead letter that holds nothing', () => {
  expect(new HeldKeys().remove(4)).toBeUndefined();
});
