import { isatty } from 'node:tty';
import { inspect } from 'node:util';
import { ExitCode } from './failure.ts';
import { run } from './program.ts';
import { createTerminal } from './terminal.ts';

// A closed pipe (`hms-sync event watch | head`) ends the command without an error. If the output cannot be written (a full
// disk), the command fails.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.ok);
  terminal.notes.line(`hms-sync: the output cannot be written (${error.code}).`);
  process.exit(ExitCode.failed);
});

// Ignored: the command does not need stderr.
process.stderr.on('error', () => undefined);

const terminal = createTerminal(
  process.stdout,
  process.stderr,
  process.env,
  isatty(0) ? () => process.stdin : undefined,
);
const exitCode = await run(process.argv.slice(2), terminal).catch((fault: unknown) => {
  // Node would print control characters of the error unescaped.
  terminal.notes.line(`hms-sync: internal error: ${inspect(fault)}`);
  return ExitCode.failed;
});
// Not process.exit(), which could drop output to a pipe. `start` may have set a code.
process.exitCode ??= exitCode;
