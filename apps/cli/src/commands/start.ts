import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { execNode } from '../exec-node.ts';
import { hubNodeFlags, hubProgram } from '../programs.ts';

/** The word by which `run` knows that the rest of the command line is the hub's. */
export const START = 'start';

/**
 * Adds the command to the help. It never runs from there: what follows `start` belongs to the hub, `--help` included, so
 * it is handed over before anything here parses it.
 */
export function addStartCommand(program: Command): void {
  program
    .command(START)
    .helpGroup('The hub:')
    .usage('--config <file> [--listen <host:port>] [--data-dir <folder>]')
    .description('run a hub: start --config hms-sync.yaml')
    .helpOption(false);
}

/**
 * Replaces this process by the hub. Node's flags of the command line come after the hub's own, and the last one counts.
 *
 * @param args all that follows `start`, handed over as it is
 */
export function startHub(args: readonly string[]): void {
  execNode([...hubNodeFlags(), ...process.execArgv, fileURLToPath(hubProgram()), ...args]);
}
