import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAdapterCommand } from './commands/adapter.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addContextCommand } from './commands/context.ts';
import { addDeliveryCommand } from './commands/delivery.ts';
import { addDevCommand } from './commands/dev.ts';
import { addEventCommand } from './commands/event.ts';
import { addHealthCommand } from './commands/health.ts';
import { addHubCommand } from './commands/hub.ts';
import { addJobCommand } from './commands/job.ts';
import { addJournalCommand } from './commands/journal.ts';
import { addReloadCommand } from './commands/reload.ts';
import { addStartCommand, START, startHub } from './commands/start.ts';
import { addTokenCommand } from './commands/token.ts';
import { addWhoAmICommand } from './commands/whoami.ts';
import { ExitCode, Failure } from './failure.ts';
import { examples, exitCodes, HELP_OF_WHOLE_COMMANDS } from './help.ts';
import { addAccessOptions, useAccessOptions } from './hub-access.ts';
import type { Terminal } from './terminal.ts';
import { requireKnownCommand } from './unknown-command.ts';

/**
 * Runs one command line.
 *
 * @param args the arguments after `hms-sync`
 * @returns the exit code
 * @throws an unexpected error
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    requireText(args);
    if (args[0] === START) {
      startHub(args.slice(1));
      return ExitCode.ok;
    }
    const program = createProgram(terminal);
    requireKnownCommand(program, args);
    await program.parseAsync([...args], { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof Failure) {
      terminal.notes.line(`hms-sync: ${error.message}`);
      return error.exitCode;
    }
    // Commander has printed it; its code is 0 for help and version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    throw error;
  }
}

/** Node replaces bytes that are not UTF-8 with U+FFFD, so the hub would get another text. */
function requireText(args: readonly string[]): void {
  const wrong = args.findIndex((arg) => arg.includes('\ufffd'));
  if (wrong === -1) return;
  throw new Failure(
    `argument ${wrong + 1} is not UTF-8; convert it, or read data from a file: --data @<file>`,
    ExitCode.usage,
  );
}

/** The grammar of the command: a noun, then a verb. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('hms-sync')
    .usage('<noun> <verb> [options]')
    .description('Publish an event once; the hub delivers it to every external system.')
    .version(ownVersion(), '-V, --version')
    .addHelpText('after', [examples('dev', 'health --watch', 'delivery list'), exitCodes()].join('\n'))
    .configureHelp(HELP_OF_WHOLE_COMMANDS)
    .exitOverride()
    .hook('preAction', useAccessOptions)
    .configureOutput({
      writeOut: (text) => terminal.data.line(text.trimEnd()),
      writeErr: (text) => terminal.notes.line(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'hms-sync: ')),
    })
    .showHelpAfterError('See the options with --help.');
  addEventCommand(program, terminal);
  addDeliveryCommand(program, terminal);
  addAdapterCommand(program, terminal);
  addJobCommand(program, terminal);
  addJournalCommand(program, terminal);
  addHealthCommand(program, terminal);
  addHubCommand(program, terminal);
  addTokenCommand(program, terminal);
  addAuditCommand(program, terminal);
  addWhoAmICommand(program, terminal);
  addContextCommand(program, terminal);
  addStartCommand(program);
  addReloadCommand(program, terminal);
  addDevCommand(program, terminal);
  addCompletionCommand(program, terminal);
  addAccessOptions(program);
  return program;
}

function ownVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return manifest.version;
}
