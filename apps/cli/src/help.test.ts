import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { faultOf } from '../test/command-fault.ts';
import { ExitCode } from './failure.ts';
import { createProgram } from './program.ts';

const hubFlags = readFileSync(new URL('../../sync-hub/src/flags.ts', import.meta.url), 'utf8');

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}

function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();
}

/** What `--help` prints; that of `start` comes from the hub. */
function helpOf(path: string): string {
  if (path === 'hms-sync start') return /export const HELP = `(.*?)`;/s.exec(hubFlags)?.[1] ?? '';
  const terminal = captureTerminal();
  const program = createProgram(terminal);
  [program, ...program.commands, ...program.commands.flatMap(leaves)]
    .find((command) => pathOf(command) === path)
    ?.outputHelp();
  return terminal.stdout();
}

const program = createProgram(captureTerminal());
const commands = leaves(program).map(pathOf);
const groups = program.commands.filter(({ commands }) => commands.length > 0);

describe('the grammar', () => {
  test('has a noun and a verb, or is one of a few words without a noun', () => {
    const verbs = Object.fromEntries(groups.map((group) => [group.name(), group.commands.map((sub) => sub.name())]));
    expect(verbs).toEqual({
      event: ['publish', 'show', 'watch', 'tail'],
      delivery: ['list', 'replay', 'discard'],
      adapter: [
        ...['list', 'show', 'pause', 'resume', 'probe', 'retry', 'restart'],
        ...['add', 'upgrade', 'rollback', 'remove', 'check'],
      ],
      job: ['show', 'watch', 'cancel'],
      journal: ['verify', 'backup', 'copy'],
      token: ['create', 'list', 'rotate', 'revoke'],
      audit: ['list', 'export', 'verify'],
      context: ['list'],
      hub: ['list'],
    });
    expect(program.commands.filter((command) => !groups.includes(command)).map((command) => command.name())).toEqual([
      'health',
      'whoami',
      'start',
      'reload',
      'dev',
      'completion',
    ]);
  });
});

describe.each(commands)('%s --help', (path) => {
  test('reports what it does, and has examples that work', async () => {
    const command = leaves(program).find((leaf) => pathOf(leaf) === path);
    expect(command?.description()).toMatch(/^[a-z].{15,}/);
    // On one line of the list of all commands.
    expect(command?.description().length).toBeLessThanOrEqual(60);
    const examples = [...helpOf(path).matchAll(/^ {2}(hms-sync .*)$/gm)].map(([, line]) => line ?? '');
    expect(examples.length).toBeGreaterThan(0);
    for (const line of examples) {
      expect(line).toMatch(new RegExp(`^${path}\\b`));
      expect(await faultOf(line), line).toBeUndefined();
    }
  });

  test('has no exit codes: those are in the help of hms-sync itself', () => {
    if (path !== 'hms-sync start') expect(helpOf(path)).not.toMatch(/exit code/i);
  });
});

test('hms-sync --help lists every command on one line, and every exit code', () => {
  const help = helpOf('hms-sync');
  for (const path of commands) expect(help).toMatch(new RegExp(`^ {2}${path.replace('hms-sync ', '')} {2,}\\S`, 'm'));
  const [, codes = ''] = help.split('Exit codes:\n');
  expect(codes.match(/^ {2}\d+/gm)?.map(Number)).toEqual(Object.values(ExitCode));
});
