import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../src/program.ts';
import { captureTerminal } from './captured-terminal.ts';

const hubFlags: readonly string[] =
  readFileSync(new URL('../../sync-hub/src/flags.ts', import.meta.url), 'utf8').match(/--[a-z-]+/g) ?? [];

/** The program as it is, doing nothing. */
function grammar(): Command {
  const program = createProgram(captureTerminal());
  const disarm = (command: Command) => {
    command.exitOverride().configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    if (command.commands.length === 0) command.action(() => undefined);
    for (const sub of command.commands) disarm(sub);
  };
  disarm(program);
  return program;
}

/**
 * Why a line does not work when it is pasted, by the grammar of the command itself and through a shell; undefined when it
 * does.
 */
export async function faultOf(line: string): Promise<string | undefined> {
  let words: readonly string[];
  try {
    // Without what a shell would do with a name that it finds a pattern in.
    const shell = `set -f; printf '%s\\0' ${line}`;
    words = execFileSync('sh', ['-c', shell], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .split('\0')
      .slice(1, -1);
  } catch {
    return 'a shell does not read it';
  }
  // What follows it is the hub's to parse.
  if (words[0] === 'start') return words.find((word) => word.startsWith('--') && !hubFlags.includes(word));
  try {
    await grammar().parseAsync([...words], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.code !== 'commander.helpDisplayed') return error.message;
  }
  const asksWhy = /^(adapter (pause|resume|rollback|remove)|delivery (replay|discard))$/;
  const verb = words.slice(0, 2).join(' ');
  const says = words.includes('--reason') || words.includes('--dry-run');
  return asksWhy.test(verb) && !says ? 'it needs --reason' : undefined;
}
