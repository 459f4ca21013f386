import type { Command, HelpConfiguration } from 'commander';
import { ownCommand } from './advice.ts';
import { EXIT_CODES } from './failure.ts';

/**
 * Examples for the end of a command's help.
 *
 * @param lines the words after `hms-sync`
 */
export function examples(...lines: readonly string[]): string {
  return ['', 'Examples:', ...lines.map((line) => `  ${ownCommand()} ${line}`)].join('\n');
}

/** The exit codes of all commands, for the end of the help of `hms-sync` itself. */
export function exitCodes(): string {
  return ['', 'Exit codes:', ...EXIT_CODES.map(([code, meaning]) => `  ${code}  ${meaning}`)].join('\n');
}

/** Lists commands with noun and verb in the help: commander's `configureHelp`. */
export const HELP_OF_WHOLE_COMMANDS: HelpConfiguration = { visibleCommands: leaves, subcommandTerm: wholeCommand };

function leaves(command: Command): Command[] {
  return command.commands.flatMap((sub) => (sub.commands.length === 0 ? [sub] : leaves(sub)));
}

function wholeCommand(command: Command): string {
  return command.parent?.parent ? `${command.parent.name()} ${command.name()}` : command.name();
}
