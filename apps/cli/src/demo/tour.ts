import { commandLine } from '../advice.ts';
import { tableLines } from '../table.ts';
import type { Printer } from '../terminal.ts';
import { curlLine } from './sample-event.ts';
import { type SandboxAddresses, SYSTEMS } from './sandbox-process.ts';

/** The addresses in the tour. */
export interface TourStops {
  hubAddress: string;
  /** How an operator on this machine calls the hub. */
  operatorAddress: string;
  addresses: SandboxAddresses;
  dataDir: string;
}

/** The addresses of the demo, and commands to try. */
export function tourLines(printer: Printer, { hubAddress, operatorAddress, addresses, dataDir }: TourStops): string[] {
  const step = (title: string, command: string) => ['', title, `  ${command}`];
  return [
    '',
    ...tableLines(
      [printer.paint('strong', 'RUNNING'), '', ''],
      [
        ['hub', hubAddress, 'Connect, gRPC, gRPC-Web, JSON and POST /sync on one port'],
        ...SYSTEMS.map((system) => [system, addresses.systems[system], `simulates the ${system} system`]),
        ['sandbox', addresses.control, 'sets faults of the stand-ins and lists their calls'],
      ],
      printer.columns,
    ),
    ...step('Publish another change:', curlLine(hubAddress)),
    ...step(
      'Take billing down, then publish again; the other systems do not wait:',
      `curl -X PUT ${addresses.control}/faults/billing -d '{"down":true}'`,
    ),
    ...step('List undelivered events and the reasons:', commandLine(['delivery', 'list'], operatorAddress)),
    ...step('Bring billing back:', `curl -X DELETE ${addresses.control}/faults/billing`),
    ...step('Watch the adapters and their breakers:', commandLine(['health', '--watch'], operatorAddress)),
    '',
    printer.paint('quiet', `The data folder is ${dataDir}. New acks are printed here. Ctrl-C stops everything.`),
  ];
}
