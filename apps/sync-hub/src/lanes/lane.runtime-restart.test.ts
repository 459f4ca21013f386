import { expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { LaneBench, until } from './lane-bench.suite.ts';

it('an adapter that ended is told with the reason, gets nothing and costs nothing, and goes on when it is back', async () => {
  const bench = new LaneBench();
  let change: (start: RuntimeStart) => void = () => {};
  const start = bench.runtime.start.bind(bench.runtime);
  let ready: RuntimeStart | undefined;
  bench.runtime.start = async (onChange?: (start: RuntimeStart) => void) => {
    if (onChange !== undefined) change = onChange;
    ready = await start();
    return ready;
  };
  await bench.lane.start();
  change({ kind: 'starting', reason: 'its process ended; it is started again in 0.5 s' });
  expect(bench.lane.health()).toMatchObject({
    state: 'starting',
    reason: 'its process ended; it is started again in 0.5 s',
  });
  await bench.accept('a');
  expect(bench.lane.heldBy({ seq: 1, key: '' })).toBe('not_ready');
  expect(bench.runtime.attempts).toEqual([]);
  if (ready !== undefined) change(ready);
  await until(() => bench.told.includes('a: delivered'));
  expect(bench.runtime.attempts).toHaveLength(1);
  expect(bench.runtime.attempts[0]).toMatchObject({ number: 1, redelivered: false });
  expect(bench.lane.health().state).toBe('ready');
});
