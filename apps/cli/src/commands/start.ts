import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { becomeNode } from '../become-node.ts';
import { hubNodeFlags, hubProgram } from '../programs.ts';

/** The word by which main.ts knows that the rest of the command line is the hub's. */
export const startCommandName = 'start';

/**
 * Makes the command known to the help. It never runs from there: what follows `start` belongs to the hub, `--help`
 * included, so it is handed over before anyone here parses it.
 */
export function addStartCommand(program: Command): void {
  program
    .command(startCommandName)
    .usage('--config <file> [--listen <host:port>] [--data-dir <folder>]')
    .description('run a hub; "hms-sync start --help" shows its own options')
    .helpOption(false);
}

/**
 * Becomes the hub. Node's flags of the command line come after the hub's own, and the last one counts.
 *
 * @param args all that follows `start`, handed over as it is
 */
export function startHub(args: readonly string[]): void {
  becomeNode([...hubNodeFlags(), ...process.execArgv, fileURLToPath(hubProgram()), ...args]);
}
