import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { execNode } from '../exec-node.ts';
import { hubNodeFlags, hubProgram } from '../programs.ts';

/** The command whose arguments `run` passes to the hub. */
export const START = 'start';

/**
 * Adds the command to the help. It is never run by commander: `run` passes all arguments to the hub unparsed, also `--help`.
 */
export function addStartCommand(program: Command): void {
  program
    .command(START)
    .helpGroup('The hub:')
    .usage('--config <file> [--listen <host:port>] [--data-dir <folder>]')
    .description('run a hub; `start --help` shows its options')
    .helpOption(false);
}

/**
 * Replaces this process with the hub. Node's flags of this process come after the hub's, and take precedence.
 *
 * @param args the arguments after `start`, unparsed
 */
export function startHub(args: readonly string[]): void {
  execNode([...hubNodeFlags(), ...process.execArgv, fileURLToPath(hubProgram()), ...args]);
}
