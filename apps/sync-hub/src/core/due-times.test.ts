import { array, assert, integer, property, tuple } from 'fast-check';
import { expect, it } from 'vitest';
import { DueTimes } from './due-times.ts';

it('gives things back earliest first, whatever the order in which they came', () => {
  assert(
    property(array(integer({ min: 0, max: 20 })), (times) => {
      const due = new DueTimes<number>();
      for (const atMs of times) due.add(atMs, atMs);
      const taken: (number | undefined)[] = times.map(() => due.takeEarliest());
      expect(taken).toEqual(times.toSorted((a, b) => a - b));
      expect(due.takeEarliest()).toBeUndefined();
    }),
  );
});

it('stays in order while things come and go', () => {
  assert(
    property(array(tuple(integer({ min: 0, max: 20 }), integer({ min: 0, max: 2 }))), (rounds) => {
      const due = new DueTimes<number>();
      let model: number[] = [];
      for (const [atMs, takes] of rounds) {
        due.add(atMs, atMs);
        model = [...model, atMs].sort((a, b) => a - b);
        for (let take = 0; take < takes; take += 1) expect(due.takeEarliest()).toBe(model.shift());
        expect([due.size, due.earliest, due.earliestMs]).toEqual([
          model.length,
          model[0],
          model[0] ?? Number.POSITIVE_INFINITY,
        ]);
      }
    }),
  );
});

it('takes out what is due and leaves the rest', () => {
  const due = new DueTimes<string>();
  due.add(20, 'later');
  due.add(10, 'sooner');
  expect(due.takeDue(9)).toBeUndefined();
  expect(due.takeDue(10)).toBe('sooner');
  expect(due.takeDue(10)).toBeUndefined();
  expect(due.size).toBe(1);
});
