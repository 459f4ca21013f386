import { expect, it } from 'vitest';
import { Turns } from './turns.ts';

it('lets only so many run at a time, in the order in which they came', async () => {
  const turns = new Turns(2);
  const began: number[] = [];
  const works = Array.from({ length: 5 }, () => Promise.withResolvers<void>());
  const runs = works.map(({ promise }, index) =>
    turns.run(async () => {
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
  const turns = new Turns(1);
  const failed = turns.run(() => Promise.reject(new Error('broken')));
  const next = turns.run(() => Promise.resolve('done'));
  await expect(failed).rejects.toThrow('broken');
  expect(await next).toBe('done');
});

it('does nothing for a caller who went away while waiting', async () => {
  const turns = new Turns(1);
  const first = Promise.withResolvers<void>();
  const running = turns.run(() => first.promise);
  const caller = new AbortController();
  let isDone = false;
  const gone = turns.run(async () => {
    isDone = true;
  }, caller.signal);
  const next = turns.run(() => Promise.resolve('done'));
  caller.abort();
  first.resolve();
  await running;
  await expect(gone).rejects.toThrow('aborted');
  expect(await next).toBe('done');
  expect(isDone).toBe(false);
});
