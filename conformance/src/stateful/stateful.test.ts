import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type DisturbedStack, startDisturbedStack } from '../network/disturbed-stack.ts';
import { expectModel } from './expect-model.ts';
import { House } from './house.ts';
import { looking } from './looking.commands.ts';
import { Model } from './model.ts';
import { operators } from './operators.commands.ts';
import { publishing } from './publishing.commands.ts';
import { trouble } from './trouble.commands.ts';

const RUNS = Number(process.env.HMS_SYNC_STATEFUL_RUNS ?? 6);
const PATH = process.env.HMS_SYNC_STATEFUL_PATH;
const COMMANDS = 30;
const TIMEOUT_MS = 30_000 + RUNS * 20_000;

let stack: DisturbedStack;

beforeAll(async () => {
  stack = await startDisturbedStack(() => ({ delivery: { concurrency: 16, timeoutMs: 400 } }));
});
afterAll(() => stack?.close());

test('the hub behaves as the model says under random publishers, faults, crashes and operators', {
  timeout: TIMEOUT_MS,
}, async () => {
  const commands = fc.commands([...publishing, ...publishing, ...looking, ...trouble, ...operators], {
    maxCommands: COMMANDS,
    size: 'max',
  });
  const property = fc.asyncProperty(commands, async (run) => {
    const model = new Model();
    const house = await House.open(stack);
    try {
      await fc.asyncModelRun(() => ({ model, real: house }), run);
    } finally {
      await house.heal();
    }
    await expectModel(model, house).finally(() => house.close());
    expect(stack.hub.log).not.toContain('a fault of the hub');
  });
  // A failure prints its seed and path. Looking for a smaller one takes its time, so it is done on demand: with a path.
  await fc.assert(property, {
    numRuns: RUNS,
    endOnFailure: PATH === undefined,
    ...(PATH !== undefined && { path: PATH }),
  });
});
