import type { Command } from 'commander';
import { contextsFile, readContexts } from '../contexts.ts';
import { examples } from '../help.ts';
import { type JsonOptions, jsonOption } from '../json-options.ts';
import { tableLines } from '../table.ts';
import { printable, type Terminal } from '../terminal.ts';

/** `hms-sync context`: list. */
export function addContextCommand(program: Command, terminal: Terminal): void {
  const context = program
    .command('context')
    .description('hubs that have a name on this machine')
    .usage('<verb> [options]')
    .helpGroup('Access:')
    .commandsGroup('Access:');
  context
    .command('list')
    .description('list the hubs that --context can name')
    .addOption(jsonOption())
    .addHelpText(
      'after',
      [
        '',
        'They are in hms-sync/contexts.yaml of $XDG_CONFIG_HOME, or of ~/.config:',
        '  prod: { address: https://hub.clinic.example:7003, tokenFile: prod.token, ca: clinic-ca.pem }',
        '',
        'Paths are relative to that file. HMS_SYNC_CONTEXT names the one to use without --context.',
        examples('context list'),
      ].join('\n'),
    )
    .action((options: JsonOptions) => list(options, terminal));
}

function list({ json }: JsonOptions, { data, notes }: Terminal): void {
  const contexts = readContexts();
  if (json) {
    data.json(contexts.map(({ tokenFile, ...context }) => ({ ...context, token_file: tokenFile })));
    return;
  }
  if (contexts.length === 0) {
    notes.line(`There are no contexts in ${contextsFile()}.`);
    return;
  }
  const rows = contexts.map(({ name, address, tokenFile = '', ca = '' }) =>
    [name, address, tokenFile, ca].map((cell) => printable(cell)),
  );
  for (const line of tableLines(['NAME', 'ADDRESS', 'TOKEN FILE', 'CA'], rows, data.columns)) data.line(line);
}
