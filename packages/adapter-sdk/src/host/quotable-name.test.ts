import { expect, it } from 'vitest';
import { quotableName } from './quotable-name.ts';

it.each(['retry', 'base-url', '@clinic/adapter-lab', '../lab', '$schema', 'x'.repeat(64)])('quotes %j', (name) => {
  expect(quotableName(name)).toBe(name);
});

it.each([
  ['', '<0 characters>'],
  ['x'.repeat(65), '<65 characters>'],
  ['- package: x\n  token: hunter2', '<29 characters>'],
  ['token hunter2', '<13 characters>'],
  ['a\u001b[2J', '<5 characters>'],
  ['\u202egnp', '<4 characters>'],
])('does not quote %j', (name, said) => {
  expect(quotableName(name)).toBe(said);
});
