import { run } from './program.ts';
import { createTerminal } from './terminal.ts';

// A reader that has seen enough (`hms-sync acks watch | head`) ends the command; that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const exitCode = await run(process.argv.slice(2), createTerminal(process.stdout, process.stderr, process.env));
// Not process.exit(): what was written to a pipe may not have left yet. `start` may have set a code of its own.
process.exitCode ??= exitCode;
