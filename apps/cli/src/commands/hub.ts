import { timestampMs } from '@bufbuild/protobuf/wkt';
import type { Command } from 'commander';
import { formatMs } from '../format.ts';
import { hubJson } from '../health-report.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { readHub } from '../hub-client.ts';
import { type JsonOptions, jsonOption } from '../json-options.ts';
import { tableLines } from '../table.ts';
import { printable, type Terminal } from '../terminal.ts';

interface ListOptions extends JsonOptions {
  address: string;
}

/** `hms-sync hub`: list. */
export function addHubCommand(program: Command, terminal: Terminal): void {
  const hub = program
    .command('hub')
    .description('the hubs that share a journal')
    .usage('<verb> [options]')
    .helpGroup('The hub:')
    .commandsGroup('The hub:');
  hub
    .command('list')
    .description('list the hubs that share the journal, and their adapters')
    .addOption(addressOption())
    .addOption(jsonOption())
    .addHelpText('after', examples('hub list'))
    .action((options: ListOptions) => list(options, terminal));
}

async function list({ address, json }: ListOptions, { data, notes }: Terminal): Promise<void> {
  const { health } = await readHub(address, ({ health }) => health.getHealth({}));
  const { hub, hubs = [] } = health ?? {};
  if (json) {
    data.json({ answered_by: hub?.name || undefined, hubs: hubs.map(hubJson) });
    return;
  }
  if (hubs.length === 0) {
    notes.line('This hub shares its journal with no others, or you may not see them.');
    return;
  }
  const nowMs = Date.now();
  const rows = hubs.map(({ name, version, lastBeatTime, adapters }) => [
    printable(name),
    printable(version),
    lastBeatTime ? `${formatMs(nowMs - timestampMs(lastBeatTime))} ago` : '-',
    adapters.map(printable).join(', ') || '-',
  ]);
  for (const line of tableLines(['HUB', 'VERSION', 'LAST BEAT', 'ADAPTERS'], rows, data.columns)) data.line(line);
}
