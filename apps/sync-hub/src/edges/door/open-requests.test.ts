import { expect, it } from 'vitest';
import { headerBytesOf, OPEN_REQUEST_BOUNDS, OpenRequests } from './open-requests.ts';

const one = {};
const other = {};

function requests(bounds: Partial<typeof OPEN_REQUEST_BOUNDS>): OpenRequests {
  return new OpenRequests({ ...OPEN_REQUEST_BOUNDS, ...bounds });
}

it('a connection has room for this many requests, and again for another once one is over', () => {
  const open = requests({ connectionRequests: 2 });
  const left = open.open(one, 0);
  open.open(one, 0);
  expect(open.open(one, 0)).toBeUndefined();
  expect(open.open(other, 0)).toBeDefined();
  expect(open.countOf(one)).toBe(2);
  left?.();
  expect(open.open(one, 0)).toBeDefined();
});

it('a connection has room for this many bytes of headers', () => {
  const open = requests({ connectionHeaderBytes: 100 });
  const left = open.open(one, 60);
  expect(open.open(one, 41)).toBeUndefined();
  expect(open.open(one, 40)).toBeDefined();
  expect(open.open(other, 100)).toBeDefined();
  left?.();
  expect(open.open(one, 60)).toBeDefined();
});

it('all connections together have no more room than that of all', () => {
  const bytes = requests({ totalHeaderBytes: 100 });
  const left = bytes.open(one, 60);
  expect(bytes.open(other, 41)).toBeUndefined();
  left?.();
  expect(bytes.open(other, 41)).toBeDefined();
  const count = requests({ totalRequests: 1 });
  count.open(one, 0);
  expect(count.open(other, 0)).toBeUndefined();
});

it('a connection over HTTP/1.1 has room for few', () => {
  const open = requests({ pipelinedRequests: 1 });
  expect(open.isPipeFull(one)).toBe(false);
  const left = open.open(one, 0);
  expect([open.isPipeFull(one), open.isPipeFull(other)]).toEqual([true, false]);
  left?.();
  expect(open.isPipeFull(one)).toBe(false);
});

it('a connection of which this many requests were turned away has had enough', () => {
  const open = requests({ connectionTurnedAway: 3 });
  expect([1, 2, 3].map(() => open.turnedAway(one))).toEqual([false, false, true]);
  expect(open.turnedAway(other)).toBe(false);
});

it('headers are measured as HTTP/2 does: each line with 32 bytes more', () => {
  expect(headerBytesOf(['a', 'bc', 'd', ''])).toBe(4 + 64);
  expect(requests({ headerBytes: 68 }).isTooLarge(68)).toBe(false);
  expect(requests({ headerBytes: 67 }).isTooLarge(68)).toBe(true);
});
