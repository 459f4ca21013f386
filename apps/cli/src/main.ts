import { inspect } from 'node:util';
import { ExitCode } from './failure.ts';
import { run } from './program.ts';
import { createTerminal } from './terminal.ts';

// A reader that has seen enough (`hms-sync event watch | head`) ends the command without an error. A command whose output
// cannot be written (a full disk) has failed.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(ExitCode.ok);
  terminal.notes.line(`hms-sync: the output cannot be written (${error.code}).`);
  process.exit(ExitCode.failed);
});

// Notes that cannot be written (a full disk, a reader that is gone) are not a reason to end.
process.stderr.on('error', () => undefined);

const terminal = createTerminal(process.stdout, process.stderr, process.env);
const exitCode = await run(process.argv.slice(2), terminal).catch((fault: unknown) => {
  // Not left to Node, which would print what others wrote as it is.
  terminal.notes.line(`hms-sync: a fault of this command: ${inspect(fault)}`);
  return ExitCode.failed;
});
// Not process.exit(): what was written to a pipe may not have left yet. `start` may have set a code of its own.
process.exitCode ??= exitCode;
