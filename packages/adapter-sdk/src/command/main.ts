import { visibleLines } from '@hms-sync/proto/visible-text';
import { docs } from './docs.ts';
import { USAGE, UsageError } from './usage.ts';
import { verifyAdapter } from './verify.ts';

/**
 * The `hms-adapter` command: what the author of an adapter runs. Exit codes: 0 well, 1 not well, 2 wrongly asked
 * or, said by its bin, on a Node that is too old.
 */
const [command, ...rest] = process.argv.slice(2);
try {
  process.exitCode = await run(command, rest);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`hms-adapter: ${visibleLines(message)}\n`);
  if (error instanceof UsageError) process.stderr.write(`\n${USAGE}`);
  process.exitCode = 2;
}

async function run(name: string | undefined, flags: readonly string[]): Promise<number> {
  switch (name) {
    case 'verify':
      return verifyAdapter(flags);
    case 'docs':
      return docs(flags);
    case undefined:
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(USAGE);
      return 0;
    default:
      throw new UsageError(`there is no command ${name}`);
  }
}
