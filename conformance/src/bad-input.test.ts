import { afterAll, beforeAll } from 'vitest';
import { describeBadInput } from './cases/bad-input.cases.ts';
import { type Stack, startStack } from './stack.ts';
import { transports } from './transports/every-transport.ts';

let stack: Stack;

beforeAll(async () => {
  stack = await startStack();
});
afterAll(() => stack?.close());

for (const kind of transports) describeBadInput(kind, () => stack);
