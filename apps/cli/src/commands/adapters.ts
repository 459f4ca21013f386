import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import type { Command } from 'commander';
import { commandLine, hubText, sourceFlag } from '../advice.ts';
import type { HubClient } from '../client.ts';
import { requireReason } from '../filter-options.ts';
import { addressOption } from '../hub-address.ts';
import { callHub } from '../hub-call.ts';
import { printable, type Terminal } from '../terminal.ts';
import { enumName } from '../words.ts';

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
  addAdapterCommand(program, 'resume', 'end a pause, also one that a refused credential caused')
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
  const { wasPaused, formerReason } = await callHub(options.address, ({ admin }) =>
    admin.pauseAdapter({ adapter, reason }),
  );
  if (options.json) {
    data.json({ adapter, paused: true, was_paused: wasPaused, former_reason: formerReason || undefined });
    return;
  }
  const name = printable(adapter);
  if (wasPaused)
    data.line(`${name} was paused already (${printable(formerReason)}); it stays paused for the new reason.`);
  else data.line(`${name} is paused; its deliveries wait in order.`);
  const resuming = ['resume', adapter, '--reason', 'why it may go on'];
  data.line(`To resume it: ${commandLine(resuming, options.address)}`);
}

async function resume(adapter: string, options: ChangeOptions, { data }: Terminal): Promise<void> {
  const reason = requireReason('resume', options);
  const { wasPaused, formerReason, health } = await callHub(options.address, async (hub) => ({
    ...(await hub.admin.resumeAdapter({ adapter, reason })),
    health: await healthAfter(hub, adapter),
  }));
  if (options.json) {
    const former = { was_paused: wasPaused, former_reason: formerReason || undefined };
    data.json({ adapter, paused: health?.state === AdapterState.PAUSED, ...former, ...stateJson(health) });
    return;
  }
  const name = printable(adapter);
  data.line(
    wasPaused
      ? `${name} is resumed; it was paused: ${printable(formerReason)}`
      : `${name} was not paused: there is nothing to resume.`,
  );
  if (health !== undefined) data.line(stateLine(health, options.address));
}

async function probe(adapter: string, options: AdapterOptions, { data }: Terminal): Promise<void> {
  const { eventId, source, health } = await callHub(options.address, async (hub) => {
    const { eventId, source } = await hub.admin.probeAdapter({ adapter });
    return { eventId, source, health: eventId === '' ? await healthAfter(hub, adapter) : undefined };
  });
  const event = { event_id: eventId || undefined, source: source || undefined };
  if (options.json) data.json({ adapter, ...event, ...stateJson(health) });
  else if (eventId !== '') {
    const show = commandLine(['events', 'show', eventId, ...sourceFlag(source)], options.address);
    data.line(`${printable(eventId)} was let through. Its outcome: ${show}`);
  } else if (health === undefined || takesProbes(health.state)) {
    data.line(`Nothing waits at ${printable(adapter)} that could be let through.`);
  } else {
    data.line(stateLine(health, options.address));
    data.line('Nothing can be let through while it is not READY.');
  }
}

/** How the adapter stands after a change; undefined when the hub cannot tell, for the change was made all the same. */
async function healthAfter(hub: HubClient, adapter: string): Promise<AdapterHealth | undefined> {
  const { health } = await hub.health.getHealth({}).catch(() => ({ health: undefined }));
  return health?.adapters.find(({ id }) => id === adapter);
}

/** A paused adapter takes the one delivery of a probe. */
function takesProbes(state: AdapterState): boolean {
  return state === AdapterState.READY || state === AdapterState.PAUSED;
}

function stateLine({ id, state, reason }: AdapterHealth, address: string): string {
  return `${printable(id)} is ${enumName(AdapterState, state)}${reason === '' ? '.' : `: ${hubText(reason, address)}`}`;
}

function stateJson(health: AdapterHealth | undefined): Record<string, unknown> {
  return health === undefined
    ? {}
    : { state: enumName(AdapterState, health.state), reason: health.reason || undefined };
}
