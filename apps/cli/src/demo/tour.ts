import { commandLine } from '../advice.ts';
import { tableLines } from '../table.ts';
import type { Printer } from '../terminal.ts';
import { curlLine } from './sample-event.ts';
import { type SandboxAddresses, SYSTEMS } from './sandbox-process.ts';

/** What a newcomer finds where. */
export interface TourStops {
  hubAddress: string;
  addresses: SandboxAddresses;
  dataDir: string;
}

/** Where everything is, and lines to paste that show what the hub is for. */
export function tourLines(printer: Printer, { hubAddress, addresses, dataDir }: TourStops): string[] {
  const step = (title: string, command: string) => ['', title, `  ${command}`];
  return [
    '',
    ...tableLines(
      [printer.paint('strong', 'RUNNING'), '', ''],
      [
        ['hub', hubAddress, 'Connect, gRPC, gRPC-Web, JSON and POST /sync on one port'],
        ...SYSTEMS.map((system) => [system, addresses.systems[system], `stands in for the external ${system} system`]),
        ['sandbox', addresses.control, 'breaks the stand-ins and knows the calls that they got'],
      ],
      printer.columns,
    ),
    ...step('Publish another change:', curlLine(hubAddress)),
    ...step(
      'Take billing down, publish again, and see that the others do not wait for it:',
      `curl -X PUT ${addresses.control}/faults/billing -d '{"down":true}'`,
    ),
    ...step('See what is not delivered, and why:', commandLine(['delivery', 'list'], hubAddress)),
    ...step('Bring it back:', `curl -X DELETE ${addresses.control}/faults/billing`),
    ...step('See the state of the adapters and their breakers:', commandLine(['health', '--watch'], hubAddress)),
    '',
    printer.paint('quiet', `Events are kept in ${dataDir}. Acks follow as they come. Ctrl-C ends all.`),
  ];
}
