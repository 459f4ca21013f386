import type { Command } from 'commander';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-client.ts';
import { type JsonOptions, jsonOption } from '../json-options.ts';
import { printable, type Terminal } from '../terminal.ts';

interface ReloadOptions extends JsonOptions {
  address: string;
}

/** `hms-sync reload`. */
export function addReloadCommand(program: Command, terminal: Terminal): void {
  program
    .command('reload')
    .helpGroup('The hub:')
    .description('have the hub read auth and tls of its file again')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('reload'))
    .action((options: ReloadOptions) => reload(options, terminal));
}

async function reload({ address, json }: ReloadOptions, { data, notes }: Terminal): Promise<void> {
  const { changed, needsRestart, warnings } = await callHub(address, ({ access }) => access.reload({}));
  if (json) {
    data.json({ changed, needs_restart: needsRestart, warnings });
    return;
  }
  if (changed.length > 0) data.line(`in force: ${changed.map(printable).join(', ')}`);
  else data.line('nothing changed');
  if (needsRestart.length > 0) {
    notes.line(`Changed in the file, and in force after a restart: ${needsRestart.map(printable).join(', ')}`);
  }
  for (const warning of warnings) notes.line(printable(warning));
}
