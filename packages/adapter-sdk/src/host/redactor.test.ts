import { expect, it } from 'vitest';
import { createRedactor } from './redactor.ts';

function redacting(...secrets: unknown[]) {
  const { learn, redact } = createRedactor();
  for (const secret of secrets) learn(secret);
  return redact;
}

it('redacts a secret that contains another one completely', () => {
  expect(redacting('hunter', 'hunter2-the-second')('hunter2-the-second, hunter')).toBe('[redacted], [redacted]');
});

it('also redacts a secret without surrounding white space', () => {
  expect(redacting(' hunter2\n')('Bearer hunter2.')).toBe('Bearer [redacted].');
});

it('redacts every string of a structured secret', () => {
  expect(redacting({ user: 'ada', keys: ['k-1', { pem: 'k-2' }] })('ada k-1 k-2')).toBe(
    '[redacted] [redacted] [redacted]',
  );
});

it('finds a secret at any depth, also in a circular value', () => {
  const value: Record<string, unknown> = Array.from({ length: 50_000 }).reduce<Record<string, unknown>>(
    (inner) => ({ inner }),
    { pem: 'k-9' },
  );
  value.self = value;
  expect(redacting(value)('k-9')).toBe('[redacted]');
});

it('does not change a text when the secret is empty or not a text', () => {
  expect(redacting('', '  ', undefined, null, 7, {})('7 is no secret')).toBe('7 is no secret');
});

it('keeps only the newest temporary secrets', () => {
  const { learnPassing, redact } = createRedactor();
  for (let n = 1; n <= 20; n += 1) learnPassing(`token-${n}.`);
  expect(redact('token-20. token-13. token-12.')).toBe('[redacted] [redacted] token-12.');
});
