import { expect, it } from 'vitest';
import { sampleRecord } from '../journal/suite/samples.suite.ts';
import { RecentRecords } from './recent-records.ts';

const records = (...cursors: readonly number[]) =>
  cursors.map((cursor) => ({ ...sampleRecord({ seq: cursor, id: `e${cursor}` }), cursor }));
const cursorsOf = (found: readonly { cursor: number }[] | undefined) => found?.map(({ cursor }) => cursor);

it('gives what comes after a place, up to a limit', () => {
  const recent = new RecentRecords({ capacity: 10, lastCursor: 4 });
  recent.add(records(5, 7, 9));
  expect(cursorsOf(recent.after(4, 9))).toEqual([5, 7, 9]);
  expect(cursorsOf(recent.after(6, 1))).toEqual([7]);
  expect(cursorsOf(recent.after(9, 9))).toEqual([]);
});

it('says when some of it is only in the journal', () => {
  const recent = new RecentRecords({ capacity: 2, lastCursor: 4 });
  expect(recent.after(3, 9)).toBeUndefined();
  expect(recent.lastCursor).toBe(4);
  recent.add(records(5, 6, 7, 8));
  expect(recent.after(5, 9)).toBeUndefined();
  expect(cursorsOf(recent.after(6, 9))).toEqual([7, 8]);
  expect(recent.lastCursor).toBe(8);
});

it('holds twice its capacity at the most', () => {
  const recent = new RecentRecords({ capacity: 10, lastCursor: 0 });
  for (let cursor = 1; cursor <= 1_000; cursor += 1) {
    recent.add(records(cursor));
    expect(recent.after(cursor - 20, 99)).toBeUndefined();
    expect(cursorsOf(recent.after(Math.max(0, cursor - 10), 99))?.at(-1)).toBe(cursor);
  }
});

it('keeps nothing of what it goes past, and knows where it is', () => {
  const recent = new RecentRecords({ capacity: 10, lastCursor: 4 });
  recent.add(records(5, 6));
  recent.pass(records(7, 9));
  expect(recent.lastCursor).toBe(9);
  expect(recent.after(8, 9)).toBeUndefined();
  expect(recent.after(9, 9)).toEqual([]);
  recent.add(records(10));
  expect(cursorsOf(recent.after(9, 9))).toEqual([10]);
});
