import { parseArgs } from 'node:util';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Slot } from './process.ts';
import { ProcessService } from './process-service.ts';
import { ProcessStore } from './process-store.ts';
import { isServiceError, Publisher } from './publisher.ts';
import { createSyncClient } from './sync-client.ts';

const usage = `hms-api: saves a process and publishes the change

  --process telehealth      the process: a-z, 0-9 and '-', at most 64 characters
  --name "Telehealth"       what the clinic calls it (default: the process)
  --slot-minutes 20         the length of its telehealth slot
  --address 127.0.0.1:7003  where the hub is
  --folder .hms-api         where processes are saved`;

const telehealthMinutesMax = 480;

interface CommandLine {
  process: string;
  name: string;
  slotMinutes: number;
  address: string;
  folder: string;
}

/** @throws Error that says which option is wrong */
function readCommandLine(args: string[]): CommandLine {
  const { values } = parseArgs({
    args,
    options: {
      process: { type: 'string', default: 'telehealth' },
      name: { type: 'string' },
      'slot-minutes': { type: 'string', default: '20' },
      address: { type: 'string', default: '127.0.0.1:7003' },
      folder: { type: 'string', default: '.hms-api' },
    },
  });
  const slotMinutes = Number(values['slot-minutes']);
  if (!/^[a-z0-9-]{1,64}$/.test(values.process)) throw new Error("--process takes 1 to 64 of a-z, 0-9 and '-'");
  if (!Number.isInteger(slotMinutes) || slotMinutes < 1 || slotMinutes > telehealthMinutesMax) {
    throw new Error(`--slot-minutes takes a whole number from 1 to ${telehealthMinutesMax}`);
  }
  const { process, address, folder, name = process } = values;
  return { process, name, slotMinutes, address, folder };
}

async function main({ process: id, name, slotMinutes, address, folder }: CommandLine): Promise<void> {
  const client = createSyncClient(address);
  const service = new ProcessService({
    store: new ProcessStore(folder),
    publisher: new Publisher({ client }),
    listener: {
      onAccepted: ({ eventId, adapters, duplicate }) =>
        console.log(`accepted ${eventId} for ${adapters.join(', ')}${duplicate ? ' (again)' : ''}`),
      onAck: (ack) =>
        console.log(
          `  ${ack.adapter}: ${DeliveryState[ack.state]}, attempt ${ack.attempt} ${ack.receipt || (ack.error?.message ?? '')}`,
        ),
      onTryAgain: (reason, delayMs) =>
        console.error(`no answer (${reason}); publishing again in ${Math.round(delayMs)} ms`),
      onRefused: (entry, reason) =>
        console.error(`the hub refused version ${entry.process.version} of ${entry.process.id}: ${reason}`),
    },
  });
  const slots: Slot[] = [
    { kind: 'in-person', durationMinutes: 30 },
    { kind: 'telehealth', durationMinutes: slotMinutes },
  ];
  try {
    const saved = await service.save({ id, name, slots });
    console.log(`saved version ${saved.version} of ${saved.id}`);
    if (!(await service.publishPending())) console.log('the hub keeps retrying; see: hms-sync health');
  } catch (error) {
    if (!isServiceError(error)) throw error;
    console.error(
      `the hub at ${address} does not answer (${error.details}); what is saved will be published next time`,
    );
    process.exitCode = 1;
  } finally {
    client.close();
  }
}

function commandLineOrUsage(): CommandLine | undefined {
  try {
    return readCommandLine(process.argv.slice(2));
  } catch (error) {
    console.error(`hms-api: ${error instanceof Error ? error.message : error}\n\n${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

const commandLine = commandLineOrUsage();
if (commandLine !== undefined) await main(commandLine);
