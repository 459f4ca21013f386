import { type AdapterHealth, AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { commandLine } from './advice.ts';
import { stateTone } from './health-lines.ts';
import { tableLines, wrappedLines } from './table.ts';
import { type Printer, printable } from './terminal.ts';
import { versionNotes } from './version-notes.ts';
import { enumName } from './words.ts';

const columns = ['ADAPTER', 'PACKAGE', 'VERSION', 'RUNTIME', 'STATE', 'PREVIOUS'];

/** The adapters of a hub and their versions for people: a table, and a line for each that a person should look at. */
export function adapterLines(printer: Printer, adapters: readonly AdapterHealth[], address?: string): string[] {
  if (adapters.length === 0)
    return [`There are no adapters. To add one: ${commandLine(['adapter', 'add', '<package>'], address)}`];
  const rows = adapters.map((adapter) => [
    printable(adapter.id),
    printable(adapter.package) || '-',
    printable(adapter.version) || '-',
    printable(adapter.runtime),
    printer.paint(stateTone(adapter.state), enumName(AdapterState, adapter.state)),
    printable(adapter.previousVersion) || '-',
  ]);
  const notes = adapters.flatMap((adapter) => versionNotes(printer, adapter, address));
  return [
    ...tableLines(columns, rows, printer.columns),
    ...(notes.length === 0 ? [] : ['', ...notes.flatMap((note) => wrappedLines(note, printer.columns))]),
  ];
}
