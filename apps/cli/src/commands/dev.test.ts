import { expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { ExitCode } from '../failure.ts';
import { run } from '../program.ts';

test.each([
  [['--chaos', 'fail=30%'], '--chaos and --every require --adapter <folder>'],
  [['--every', '1s'], '--chaos and --every require --adapter <folder>'],
  [['--adapter', '.', '--chaos', 'fail=30'], '"30" is not a percentage from 0% to 100%. Write it as 30%.'],
  [['--adapter', '.', '--every', '5'], '"5" is not a duration up to 10m. Write it as 200ms, 2s or 1m.'],
  [['--adapter', '/no/such/folder'], '--adapter: /no/such/folder is not a folder'],
  [['--port', '70000'], 'A port is a whole number from 0 to 65535.'],
])('dev %j is rejected, with what would do', async (flags, message) => {
  const terminal = captureTerminal();
  expect(await run(['dev', ...flags], terminal)).toBe(ExitCode.usage);
  expect(terminal.stderr()).toContain(message);
});
