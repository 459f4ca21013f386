import { describe, expect, test } from 'vitest';
import { NOT_SENT, type RuntimeStart } from '../runtimes/runtime.ts';
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
