import { expect, it } from 'vitest';
import { createRedactor } from './redactor.ts';

function redacting(...secrets: unknown[]) {
  const { learn, redact } = createRedactor();
  for (const secret of secrets) learn(secret);
  return redact;
}

it('leaves no rest of a secret that holds another one', () => {
  expect(redacting('hunter', 'hunter2-the-second')('hunter2-the-second, hunter')).toBe('[redacted], [redacted]');
});

it('knows a secret without the white space around it, which a schema may have trimmed', () => {
  expect(redacting(' hunter2\n')('Bearer hunter2.')).toBe('Bearer [redacted].');
});

it('takes out every string of a structured secret', () => {
  expect(redacting({ user: 'ada', keys: ['k-1', { pem: 'k-2' }] })('ada k-1 k-2')).toBe(
    '[redacted] [redacted] [redacted]',
  );
});

it('finds a secret however deep it lies, also in a value that holds itself', () => {
  const value: Record<string, unknown> = Array.from({ length: 50_000 }).reduce<Record<string, unknown>>(
    (inner) => ({ inner }),
    { pem: 'k-9' },
  );
  value.self = value;
  expect(redacting(value)('k-9')).toBe('[redacted]');
});

it('leaves a text alone when the secret is empty or no text', () => {
  expect(redacting('', '  ', undefined, null, 7, {})('7 is no secret')).toBe('7 is no secret');
});

it('knows the latest passing secrets, and no more of them than could still be in use', () => {
  const { learnPassing, redact } = createRedactor();
  for (let n = 1; n <= 20; n += 1) learnPassing(`token-${n}.`);
  expect(redact('token-20. token-13. token-12.')).toBe('[redacted] [redacted] token-12.');
});
