import { expect, it } from 'vitest';
import { recordAt } from '../journal/suite/samples.fixture.ts';
import { RecentRecords } from './recent-records.ts';

const at = (billing: number, records = 0) =>
  new Map([
    ['billing', billing],
    ['records', records],
  ]);
const create = (capacity: number, newest = at(4)) => new RecentRecords({ capacity, newest });
const positionsOf = (page: ReturnType<RecentRecords['read']>) => page?.records.map(({ position }) => position);

it('returns what comes after a place, up to a limit, and continues at an offset', () => {
  const recent = create(10);
  for (const position of [5, 7, 9]) recent.add(recordAt(position));
  expect(positionsOf(recent.read(at(4), { offset: undefined, limit: 9 }))).toEqual([5, 7, 9]);
  const page = recent.read(at(6), { offset: undefined, limit: 1 });
  expect(positionsOf(page)).toEqual([7]);
  expect(positionsOf(recent.read(at(7), { offset: page?.next, limit: 9 }))).toEqual([9]);
  expect(positionsOf(recent.read(at(9), { offset: undefined, limit: 9 }))).toEqual([]);
});

it('keeps the lanes apart', () => {
  const recent = create(10);
  recent.add(recordAt(5));
  recent.add(recordAt(1, { adapter: 'records' }));
  recent.add(recordAt(2, { adapter: 'records' }));
  expect(positionsOf(recent.read(at(5, 1), { offset: undefined, limit: 9 }))).toEqual([2]);
  expect([...recent.place]).toEqual([
    ['billing', 5],
    ['records', 2],
  ]);
});

it('says when some of it is only in the journal', () => {
  const recent = create(2);
  expect(recent.read(at(3), { offset: undefined, limit: 9 })).toBeUndefined();
  expect(recent.place).toEqual(at(4));
  for (const position of [5, 6, 7, 8]) recent.add(recordAt(position));
  expect(recent.read(at(5), { offset: undefined, limit: 9 })).toBeUndefined();
  expect(recent.read(at(5), { offset: 1, limit: 9 })).toBeUndefined();
  expect(positionsOf(recent.read(at(6), { offset: undefined, limit: 9 }))).toEqual([7, 8]);
  expect(recent.place).toEqual(at(8));
});

it('holds twice its capacity at the most', () => {
  const recent = create(10, at(0));
  for (let position = 1; position <= 1_000; position += 1) {
    recent.add(recordAt(position));
    expect(recent.read(at(position - 20), { offset: undefined, limit: 99 })).toBeUndefined();
    const newest = recent.read(at(Math.max(0, position - 10)), { offset: undefined, limit: 99 });
    expect(positionsOf(newest)?.at(-1)).toBe(position);
  }
});

it('keeps nothing of what it passes, and knows where it is', () => {
  const recent = create(10);
  for (const position of [5, 6]) recent.add(recordAt(position));
  const page = recent.read(at(4), { offset: undefined, limit: 9 });
  for (const position of [7, 9]) recent.pass(recordAt(position));
  expect(recent.place).toEqual(at(9));
  expect(recent.read(at(6), { offset: page?.next, limit: 9 })).toBeUndefined();
  expect(positionsOf(recent.read(at(9), { offset: undefined, limit: 9 }))).toEqual([]);
  recent.add(recordAt(10));
  expect(positionsOf(recent.read(at(9), { offset: undefined, limit: 9 }))).toEqual([10]);
});

it('gives a place that does not change', () => {
  const recent = create(10);
  const place = recent.place;
  recent.pass(recordAt(5));
  expect(place).toEqual(at(4));
});
