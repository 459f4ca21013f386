import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAcksCommand } from './commands/acks.ts';
import { addAdapterCommand } from './commands/adapter.ts';
import { addAdapterCommands } from './commands/adapters.ts';
import { addCompletionCommand } from './commands/completion.ts';
import { addDeliveriesCommand } from './commands/deliveries.ts';
import { addDevCommand } from './commands/dev.ts';
import { addDiscardCommand } from './commands/discard.ts';
import { addEventsCommand } from './commands/events.ts';
import { addHealthCommand } from './commands/health.ts';
import { addJobCommand } from './commands/job.ts';
import { addJournalCommand } from './commands/journal.ts';
import { addPublishCommand } from './commands/publish.ts';
import { addReplayCommand } from './commands/replay.ts';
import { addStartCommand, startCommandName, startHub } from './commands/start.ts';
import { addTailCommand } from './commands/tail.ts';
import { ExitCode, Failure } from './failure.ts';
import type { Terminal } from './terminal.ts';

/**
 * Runs one command line.
 *
 * @param args what follows `hms-sync`
 * @returns what the process is to end with; an error that nobody expected is thrown
 */
export async function run(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  try {
    requireText(args);
    if (args[0] === startCommandName) {
      startHub(args.slice(1));
      return ExitCode.ok;
    }
    await createProgram(terminal).parseAsync([...args], { from: 'user' });
    return ExitCode.ok;
  } catch (error) {
    if (error instanceof Failure) {
      terminal.notes.line(`hms-sync: ${error.message}`);
      return error.exitCode;
    }
    // Commander has said what was wrong; its own code tells help and version (0) from wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.ok : ExitCode.usage;
    throw error;
  }
}

/** Node makes U+FFFD of bytes that are not UTF-8: another text than was meant would be sent. */
function requireText(args: readonly string[]): void {
  const wrong = args.findIndex((arg) => arg.includes('\ufffd'));
  if (wrong === -1) return;
  throw new Failure(
    `argument ${wrong + 1} is not UTF-8; write it in UTF-8, or data in a file: --data @file`,
    ExitCode.usage,
  );
}

/** The grammar of the command, and what each part of it does. */
export function createProgram(terminal: Terminal): Command {
  const program = new Command('hms-sync')
    .description('Publish a change once; see it arrive at every external system.')
    .version(ownVersion(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.data.line(text.trimEnd()),
      writeErr: (text) => terminal.notes.line(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'hms-sync: ')),
    })
    .showHelpAfterError('See the options with --help.');
  addStartCommand(program);
  addDevCommand(program, terminal);
  addPublishCommand(program, terminal);
  addEventsCommand(program, terminal);
  addAcksCommand(program, terminal);
  addHealthCommand(program, terminal);
  addDeliveriesCommand(program, terminal);
  addReplayCommand(program, terminal);
  addDiscardCommand(program, terminal);
  addJobCommand(program, terminal);
  addAdapterCommands(program, terminal);
  addAdapterCommand(program, terminal);
  addTailCommand(program, terminal);
  addJournalCommand(program, terminal);
  addCompletionCommand(program, terminal);
  return program;
}

function ownVersion(): string {
  const manifest: { version: string } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  return manifest.version;
}
