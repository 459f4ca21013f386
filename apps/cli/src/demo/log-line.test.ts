import { describe, expect, test } from 'vitest';
import { readableLogLine } from './log-line.ts';

describe('a line of a log', () => {
  test.each([
    ['{"level":30,"msg":"listening"}', undefined],
    ['{"level":"info","msg":"listening"}', undefined],
    [
      '{"level":40,"time":1,"pid":2,"hostname":"h","msg":"slow","adapter":"billing","ms":812}',
      'warn: slow adapter=billing ms=812',
    ],
    [
      '{"level":"error","msg":"failed","err":{"type":"Error","message":"no room","stack":"Error: no room\\n at x"}}',
      'error: failed err=no room',
    ],
    ['{"level":60,"msg":"gone"}', 'fatal: gone'],
    ['{"level":50,"msg":"two\\nlines\\u001b[2J"}', 'error: two lines\\u001b[2J'],
    ['    at main.ts:1', '    at main.ts:1'],
    ['{"level":50,"msg":"cut o', '{"level":50,"msg":"cut o'],
  ])('%s is shown as %s', (line, shown) => {
    expect(readableLogLine(line)).toBe(shown);
  });
});
