import { describe, expect, test } from 'vitest';
import { NOT_SENT, type ReadyRuntime, type Runtime, type RuntimeStart } from '../runtimes/runtime.ts';
import { attemptOf } from '../runtimes/suite/lab-adapter.fixture.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { OwnedRuntime } from './owned-runtime.ts';

describe('the runtime of a lane that another hub may take over', () => {
  test.each([
    ['the adapter asks for', undefined, 5_000],
    ['the operator set', 60_000, 60_000],
    ['the operator set, also when it is shorter', 1_000, 1_000],
  ])('is ready once the others wait for attempts as long as %s', async (_, attemptTimeoutMs, expectedMs) => {
    const { runtime, expected } = own({ attemptTimeoutMs });
    expect(await runtime.start()).toMatchObject({ kind: 'ready' });
    expect(expected).toEqual([expectedMs]);
  });

  test('begins nothing that its hub may not begin', async () => {
    const { runtime, scripted, hub } = own();
    await runtime.start();
    hub.mayBegin = false;
    expect(await runtime.deliver(attemptOf(), AbortSignal.timeout(1_000))).toBe(NOT_SENT);
    hub.mayBegin = true;
    expect(await runtime.deliver(attemptOf(), AbortSignal.timeout(1_000))).toMatchObject({ kind: 'delivered' });
    expect(scripted.attempts).toHaveLength(1);
  });

  test('is not ready while it is held', async () => {
    const { runtime } = own();
    const changes: RuntimeStart[] = [];
    await runtime.start((start) => changes.push(start));
    runtime.setHeld(true);
    runtime.setHeld(true);
    runtime.setHeld(false);
    expect(changes.map(({ kind }) => kind)).toEqual(['starting', 'ready']);
  });
});

function own({ attemptTimeoutMs }: { readonly attemptTimeoutMs?: number | undefined } = {}) {
  const scripted = new ScriptedRuntime({ attemptTimeoutMs: 5_000 });
  const expected: number[] = [];
  const hub = { mayBegin: true };
  const runtime = new OwnedRuntime(scripted, {
    attemptTimeoutMs,
    mayBegin: () => hub.mayBegin,
    expectAttempts: async (timeoutMs) => void expected.push(timeoutMs),
  });
  return { runtime, scripted, expected, hub };
}

const READY: ReadyRuntime = { kind: 'ready', accepts: 'all', concurrency: 1, attemptTimeoutMs: 10_000 };
const ENDED: RuntimeStart = { kind: 'starting', reason: 'it ended' };

/** The runtime of an adapter that is started again with other timeouts; what it reported and what the other hubs were to wait for. */
async function startOwned() {
  let change: (start: RuntimeStart) => void = () => undefined;
  const inner = {
    kind: 'process',
    start: async (onChange) => {
      if (onChange !== undefined) change = onChange;
      return READY;
    },
  } as Runtime;
  const expected: number[] = [];
  const granted = [Promise.withResolvers<void>(), Promise.withResolvers<void>()] as const;
  granted[0].resolve();
  const owned = new OwnedRuntime(inner, {
    attemptTimeoutMs: undefined,
    mayBegin: () => true,
    expectAttempts: (ms) => (granted[expected.push(ms) - 1] as PromiseWithResolvers<void>).promise,
  });
  const reported: RuntimeStart[] = [];
  await owned.start((later) => void reported.push(later));
  return {
    owned,
    reported,
    expected,
    grant: () => granted[1].resolve(),
    change: (to: RuntimeStart) => change(to),
  };
}

test('is not ready before other hubs wait long enough, also when it is set free meanwhile', async () => {
  const { owned, reported, expected, grant, change } = await startOwned();
  change(ENDED);
  const slower = { ...READY, attemptTimeoutMs: 60_000 };
  change(slower);
  owned.setHeld(true);
  owned.setHeld(false);
  expect(expected).toEqual([10_000, 60_000]);
  expect(reported).toEqual([ENDED]);
  grant();
  await expect.poll(() => reported).toEqual([ENDED, slower]);
});

test('reports at once that it ended, while what it asked for before is on its way', async () => {
  const { reported, grant, change } = await startOwned();
  change({ ...READY, attemptTimeoutMs: 60_000 });
  change(ENDED);
  expect(reported).toEqual([ENDED]);
  grant();
  await new Promise(setImmediate);
  expect(reported).toEqual([ENDED]);
});
