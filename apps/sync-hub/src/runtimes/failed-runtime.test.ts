import { expect, it } from 'vitest';
import { FailedRuntime } from './failed-runtime.ts';
import { NOT_SENT } from './runtime.ts';

it('says why it cannot start, delivers nothing, and closes as often as it is asked', async () => {
  const runtime = new FailedRuntime('process', { kind: 'incompatible', reason: 'it speaks protocol 2' });
  expect(await runtime.start()).toEqual({ kind: 'incompatible', reason: 'it speaks protocol 2' });
  expect(await runtime.deliver()).toEqual(NOT_SENT);
  await runtime.close();
  await runtime.close();
});
