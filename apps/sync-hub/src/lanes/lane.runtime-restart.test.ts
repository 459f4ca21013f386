import { expect, it } from 'vitest';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { openLaneFixture, until } from './lane.fixture.ts';

it('an adapter that ended is reported with the reason, gets nothing and costs nothing, and goes on when it is back', async () => {
  const fixture = await openLaneFixture();
  let change: (start: RuntimeStart) => void = () => {};
  const start = fixture.runtime.start.bind(fixture.runtime);
  let ready: RuntimeStart | undefined;
  fixture.runtime.start = async (onChange?: (start: RuntimeStart) => void) => {
    if (onChange !== undefined) change = onChange;
    ready = await start();
    return ready;
  };
  await fixture.start();
  change({ kind: 'starting', reason: 'its process ended; it is started again in 0.5 s' });
  expect(fixture.lane.health()).toMatchObject({
    state: 'starting',
    reason: 'its process ended; it is started again in 0.5 s',
  });
  await fixture.accept('a');
  expect(fixture.lane.heldBy({ seq: 1, key: '' })).toBe('not_ready');
  expect(fixture.runtime.attempts).toEqual([]);
  if (ready !== undefined) change(ready);
  await until(() => fixture.log.includes('a: delivered'));
  expect(fixture.runtime.attempts).toHaveLength(1);
  expect(fixture.runtime.attempts[0]).toMatchObject({ number: 1, redelivered: false });
  expect(fixture.lane.health().state).toBe('ready');
});
