import { describe, expect, it } from 'vitest';
import type { StartFailure } from './protocol/handshake.ts';
import type { RuntimeStart } from './runtime.ts';
import { NOT_SENT } from './runtime.ts';
import { attemptOf, never } from './suite/lab-adapter.fixture.ts';
import { type AdapterLife, type LifeOptions, SupervisedRuntime } from './supervised-runtime.ts';

const ready = { kind: 'ready', accepts: 'all', concurrency: 8, attemptTimeoutMs: 10_000 } as const;
const passing: StartFailure = { kind: 'failed', reason: 'it broke', passing: true };
const lasting: StartFailure = { kind: 'failed', reason: 'its configuration is wrong', passing: false };

/** A runtime whose lives are as the test says, one after the other; the last again and again. */
function supervise(script: readonly (StartFailure | 'lives' | 'throws')[]) {
  const lives: LifeOptions[] = [];
  const changes: RuntimeStart[] = [];
  const waiting: (() => void)[] = [];
  let closed = 0;
  const life: AdapterLife = {
    ready,
    check: async () => [],
    stream: { deliver: async () => ({ kind: 'delivered', receipt: 'well' }) },
    close: async () => {
      closed += 1;
    },
  };
  const runtime = new SupervisedRuntime({
    kind: 'process',
    restart: { baseMs: 20, capMs: 20 },
    random: () => 0.5,
    begin: async (options) => {
      const next = script[Math.min(lives.length, script.length - 1)];
      lives.push(options);
      if (next === 'throws') throw Object.assign(new Error('no such folder: /secret'), { code: 'ENOENT' });
      return next === undefined || next === 'lives' ? life : next;
    },
  });
  return {
    runtime,
    lives,
    closed: () => closed,
    start: () =>
      runtime.start((change) => {
        changes.push(change);
        for (const resolve of waiting.splice(0)) resolve();
      }),
    changed: async () => {
      while (changes.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      return changes.shift();
    },
  };
}

describe('a supervised adapter', () => {
  it('that ends is reported with the reason and when it is started again, accepts nothing, and then is ready again', async () => {
    const { runtime, lives, start, changed } = supervise(['lives']);
    expect(await start()).toEqual(ready);
    lives[0]?.onEnd('it left');
    expect(await changed()).toEqual({
      kind: 'starting',
      cause: 'it left',
      reason: 'it left; it is started again in 0.1 s',
    });
    expect(await runtime.deliver(attemptOf(), never())).toEqual(NOT_SENT);
    expect(await changed()).toEqual(ready);
    expect(await runtime.deliver(attemptOf(), never())).toMatchObject({ kind: 'delivered' });
    await runtime.close();
  });

  it('that cannot be started for something that passes is FAILED and tried again', async () => {
    const { runtime, start, changed } = supervise([passing, passing, 'lives']);
    expect(await start()).toEqual({
      kind: 'failed',
      cause: 'it broke',
      reason: 'it broke; it is started again in 0.1 s',
    });
    expect(await changed()).toMatchObject({ kind: 'failed' });
    expect(await changed()).toEqual(ready);
    await runtime.close();
  });

  it('that could not even be tried, as without a temporary folder, is tried again', async () => {
    const { runtime, start, changed } = supervise(['throws', 'lives']);
    expect(await start()).toEqual({
      kind: 'failed',
      cause: 'the adapter could not be started: ENOENT',
      reason: 'the adapter could not be started: ENOENT; it is started again in 0.1 s',
    });
    expect(await changed()).toEqual(ready);
    await runtime.close();
  });

  it('that only an operator can fix is FAILED and left alone', async () => {
    const { runtime, lives, start } = supervise([lasting, 'lives']);
    expect(await start()).toEqual({ kind: 'failed', reason: 'its configuration is wrong' });
    // Longer than the restart that must not come.
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(lives).toHaveLength(1);
    await runtime.close();
  });

  it('whose configuration was taken once is tried again whatever it says later', async () => {
    const { runtime, lives, start, changed } = supervise(['lives', lasting, 'lives']);
    await start();
    lives[0]?.onEnd('it left');
    expect(await changed()).toMatchObject({ kind: 'starting' });
    expect(await changed()).toMatchObject({ kind: 'failed', reason: expect.stringContaining('started again') });
    expect(await changed()).toEqual(ready);
    await runtime.close();
  });

  it('that ended before it was known to be ready is FAILED, not ready', async () => {
    const dying = new SupervisedRuntime({
      kind: 'process',
      begin: async ({ onEnd }) => {
        onEnd('it left at once');
        return {
          ready,
          check: async () => [],
          stream: { deliver: async () => ({ kind: 'delivered', receipt: '' }) },
          close: async () => undefined,
        };
      },
    });
    expect(await dying.start()).toMatchObject({ kind: 'failed', reason: expect.stringContaining('it left at once') });
    await dying.close();
  });

  it('is not started again once it was closed, and is closed once', async () => {
    const { runtime, lives, start, closed } = supervise(['lives']);
    await start();
    await Promise.all([runtime.close(), runtime.close()]);
    lives[0]?.onEnd('it was closed');
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(lives).toHaveLength(1);
    expect(closed()).toBe(1);
    expect(await runtime.deliver(attemptOf(), never())).toEqual(NOT_SENT);
  });
});
