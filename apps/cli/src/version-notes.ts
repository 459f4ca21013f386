import type { AdapterHealth } from '@hms-sync/proto/hms/sync/v1/health_service';
import { hubText } from './advice.ts';
import { type Printer, printable } from './terminal.ts';

/** What a person should know about an adapter and its versions, each on a line of its own. */
export function versionNotes(
  printer: Printer,
  { id, canary, notice, reason }: AdapterHealth,
  address: string | undefined,
): string[] {
  const name = printable(id);
  return [
    ...(reason ? [`${printer.paint('bad', name)}: ${hubText(reason, address)}`] : []),
    ...(notice ? [`${printer.paint('waiting', name)}: ${hubText(notice, address)}`] : []),
    ...(canary
      ? [
          `${printer.paint('waiting', name)}: ${printable(canary.version)} is tried with ${canary.percent}% of the keys; ` +
            `${canary.failures} of its ${canary.attempts} attempts failed`,
        ]
      : []),
  ];
}
