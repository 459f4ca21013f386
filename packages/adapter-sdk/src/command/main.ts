import { visibleLines } from '@hms-sync/proto/visible-text';
import { docs } from './docs.ts';
import { USAGE, UsageError } from './usage.ts';
import { verifyAdapter } from './verify.ts';

/**
 * The `hms-adapter` command, for authors of adapters. Exit codes: 0 passed, 1 a check failed, 2 wrong usage, or (from its
 * bin) Node is too old.
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
      throw new UsageError(`unknown command ${name}`);
  }
}
