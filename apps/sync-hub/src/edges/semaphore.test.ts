import { expect, it } from 'vitest';
import { Semaphore } from './semaphore.ts';

it('lets only this many run at a time, in the order in which they came', async () => {
  const semaphore = new Semaphore(2);
  const began: number[] = [];
  const works = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const runs = works.map(({ promise }, index) =>
    semaphore.run(async () => {
      began.push(index);
      await promise;
      return index;
    }),
  );
  expect(began).toEqual([0, 1]);
  works[1]?.resolve();
  await runs[1];
  expect(began).toEqual([0, 1, 2]);
  for (const { resolve } of works) resolve();
  expect(await Promise.all(runs)).toEqual([0, 1, 2, 3, 4]);
});

it('gives the turn on when work fails', async () => {
  const semaphore = new Semaphore(1);
  const failed = semaphore.run(() => Promise.reject(new Error('broken')));
  const next = semaphore.run(() => Promise.resolve('done'));
  await expect(failed).rejects.toThrow('broken');
  expect(await next).toBe('done');
});

it('does nothing for a caller who went away while waiting', async () => {
  const semaphore = new Semaphore(1);
  const first = Promise.withResolvers<void>();
  const running = semaphore.run(() => first.promise);
  const caller = new AbortController();
  let isDone = false;
  const gone = semaphore.run(async () => {
    isDone = true;
  }, caller.signal);
  const next = semaphore.run(() => Promise.resolve('done'));
  caller.abort();
  first.resolve();
  await running;
  await expect(gone).rejects.toThrow('aborted');
  expect(await next).toBe('done');
  expect(isDone).toBe(false);
});
