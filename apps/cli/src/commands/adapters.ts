import type { Command } from 'commander';
import { requireReason } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { printable, type Terminal } from '../terminal.ts';

interface AdapterOptions {
  address: string;
  json?: true;
}

interface ChangeOptions extends AdapterOptions {
  reason?: string;
}

/** What a person does to one adapter. */
export function addAdapterCommands(program: Command, terminal: Terminal): void {
  addAdapterCommand(program, 'pause', 'make no new attempts at an adapter and keep its queue, also over a restart')
    .option('--reason <text>', 'why, for the record (required)')
    .action((adapter: string, options: ChangeOptions) => pause(adapter, options, terminal));
  addAdapterCommand(program, 'resume', 'take a pause back, also one that a refused credential caused')
    .option('--reason <text>', 'why, for the record (required)')
    .action((adapter: string, options: ChangeOptions) => resume(adapter, options, terminal));
  addAdapterCommand(program, 'probe', 'let one delivery through an open breaker now').action(
    (adapter: string, options: AdapterOptions) => probe(adapter, options, terminal),
  );
}

function addAdapterCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument('<adapter>', 'the adapter id')
    .addOption(addressOption())
    .option('--json', 'print one JSON object');
}

async function pause(adapter: string, options: ChangeOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('pause', options);
  await callHub(options.address, ({ admin }) => admin.pauseAdapter({ adapter, reason }));
  if (options.json) data.json({ adapter, paused: true });
  else data.line(`${printable(adapter)} is paused; its deliveries wait until "hms-sync resume ${printable(adapter)}".`);
}

async function resume(adapter: string, options: ChangeOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('resume', options);
  await callHub(options.address, ({ admin }) => admin.resumeAdapter({ adapter, reason }));
  if (options.json) data.json({ adapter, paused: false });
  else data.line(`${printable(adapter)} is resumed.`);
}

async function probe(adapter: string, options: AdapterOptions, { data }: Terminal): Promise<void> {
  const { eventId } = await callHub(options.address, ({ admin }) => admin.probeAdapter({ adapter }));
  if (options.json) data.json({ adapter, event_id: eventId || undefined });
  else if (eventId === '') data.line(`Nothing waits at ${printable(adapter)} that could be let through.`);
  else
    data.line(`${printable(eventId)} was let through; "hms-sync events show ${printable(eventId)}" tells its outcome.`);
}
