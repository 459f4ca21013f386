import {
  type AdapterHealth,
  AdapterState,
  type Breaker,
  BreakerState,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { enumName } from '../format.ts';
import type { HubClient } from '../hub-client.ts';
import { type Printer, printable } from '../terminal.ts';

/** Prints each change of an adapter's state and of its breaker, until the signal. */
export async function showAdapter(client: HubClient, printer: Printer, signal: AbortSignal): Promise<void> {
  let printed = '';
  for await (const { health } of client.health.watchHealth({}, { signal })) {
    const line = (health?.adapters ?? []).map((adapter) => adapterLine(printer, adapter)).join('\n');
    // The hub sends a message at least every 10 s, changed or not.
    if (line !== printed) printer.line(line);
    printed = line;
  }
}

function adapterLine(printer: Printer, { id, version, state, reason, breaker }: AdapterHealth): string {
  const isWell = state === AdapterState.READY && (breaker === undefined || breaker.state === BreakerState.CLOSED);
  const parts = [
    `${printable(id)} ${printable(version)} is ${enumName(AdapterState, state)}`,
    ...(reason === '' ? [] : [printable(reason)]),
    ...breakerInWords(breaker),
  ];
  return printer.paint(isWell ? 'good' : state === AdapterState.STARTING ? 'waiting' : 'bad', parts.join(': '));
}

function breakerInWords(breaker: Breaker | undefined): readonly string[] {
  if (breaker === undefined || breaker.state === BreakerState.CLOSED) return [];
  return [`its breaker is ${enumName(BreakerState, breaker.state)}`, printable(breaker.cause)];
}
