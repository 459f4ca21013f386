import { expect, it } from 'vitest';
import { BoundedQueue, QueueOverflow } from './bounded-queue.ts';

const createQueue = (capacity = 3) => {
  const stop = new AbortController();
  return { queue: new BoundedQueue<number>({ capacity, signal: stop.signal }), stop };
};

it('gives everything that waits at once, in order', async () => {
  const { queue } = createQueue();
  queue.push(1);
  queue.push(2);
  expect(await queue.drain()).toEqual([1, 2]);
});

it('wakes a reader who waits', async () => {
  const { queue } = createQueue();
  const taking = queue.drain();
  queue.push(1);
  expect(await taking).toEqual([1]);
});

it('holds no more than its bound: what fitted can be read, then it says that it ran over', async () => {
  const { queue } = createQueue(2);
  for (const item of [1, 2, 3, 4]) queue.push(item);
  expect(queue.isClosed).toBe(true);
  expect(await queue.drain()).toEqual([1, 2]);
  await expect(queue.drain()).rejects.toThrow(new QueueOverflow('more than 2 waited'));
});

it('that drops what does not fit keeps the rest, and reports what it dropped', async () => {
  const queue = new BoundedQueue<number>({ capacity: 2, signal: new AbortController().signal, whenFull: 'drop' });
  expect([1, 2, 3].map((item) => queue.push(item))).toEqual([true, true, false]);
  expect(await queue.drain()).toEqual([1, 2]);
  expect(queue.push(4)).toBe(true);
  expect(await queue.drain()).toEqual([4]);
});

it('has room again once its reader took what was in it', async () => {
  const { queue } = createQueue(2);
  for (let round = 0; round < 100; round += 1) {
    queue.push(round);
    queue.push(round);
    expect(await queue.drain()).toEqual([round, round]);
  }
  expect(queue.isClosed).toBe(false);
});

it('ends with what is in it when it is closed, and accepts nothing more', async () => {
  const { queue } = createQueue();
  queue.push(1);
  queue.close();
  queue.push(2);
  expect(await queue.drain()).toEqual([1]);
  expect(await queue.drain()).toEqual([]);
});

it('closes with its signal, also one that was aborted before', async () => {
  const { queue, stop } = createQueue();
  const taking = queue.drain();
  stop.abort();
  expect(await taking).toEqual([]);
  expect(await new BoundedQueue({ capacity: 1, signal: AbortSignal.abort() }).drain()).toEqual([]);
});
