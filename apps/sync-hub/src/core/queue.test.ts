import { array, assert, boolean, property } from 'fast-check';
import { expect, it } from 'vitest';
import { Queue } from './queue.ts';

it('behaves as an array does, in any order of pushes and shifts', () => {
  assert(
    property(array(boolean(), { maxLength: 400 }), (pushes) => {
      const queue = new Queue<number>();
      const model: number[] = [];
      pushes.forEach((isPush, index) => {
        if (isPush) {
          queue.push(index);
          model.push(index);
        } else {
          expect(queue.shift()).toBe(model.shift());
        }
        expect(queue.size).toBe(model.length);
        expect(queue.peek()).toBe(model[0]);
      });
      expect([...queue]).toEqual(model);
    }),
  );
});

it('stays in order over many more items than it holds at a time', () => {
  const queue = new Queue<number>();
  for (let item = 0; item < 10_000; item += 1) {
    queue.push(item);
    if (item >= 50) expect(queue.shift()).toBe(item - 50);
  }
  expect([...queue]).toEqual(Array.from({ length: 50 }, (_, index) => 9_950 + index));
});
