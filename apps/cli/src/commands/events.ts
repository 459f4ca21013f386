import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Attempt, Delivery, GetEventResponse } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { isJsonContentType, readJson } from '@hms-sync/proto/json';
import type { Command } from 'commander';
import { ackJson, errorJson } from '../ack-json.ts';
import { standingDetail, stateTone } from '../ack-line.ts';
import { adviceToReaders, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { addressOption } from '../hub-address.ts';
import { tableLines, wrappedLines } from '../table.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';
import { durationInWords, durationMs, enumName, isoTime, timeInWords } from '../words.ts';

interface ShowOptions {
  source?: string;
  address: string;
  json?: true;
}

export function addEventsCommand(program: Command, terminal: Terminal): void {
  const events = program.command('events').description('events that the hub has accepted');
  events
    .command('show')
    .description('show one event, its deliveries and each of their attempts')
    .argument('<id>', 'the event id')
    .option('--source <source>', "its source, where several have the id; '' is the source of events without one")
    .addOption(addressOption())
    .option('--json', 'print one JSON object; unlike the table it holds the data of the event')
    .action((id: string, options: ShowOptions) => showEvent(id, options, terminal));
}

async function showEvent(id: string, options: ShowOptions, { data }: Terminal): Promise<void> {
  const hub = connectToHub(options.address);
  try {
    const { source } = options;
    const response = await hub.sync.getEvent({ id, ...(source !== undefined && { source }) });
    if (options.json) data.json(eventJson(response));
    else for (const line of eventLines(data, response, Date.now())) data.line(line);
  } catch (error) {
    throw apiFailure(error, options.address, adviceToReaders);
  } finally {
    hub.close();
  }
}

function eventLines(printer: Printer, { event, acceptedTime, deliveries }: GetEventResponse, nowMs: number): string[] {
  const facts = [
    ['type', event?.type],
    ['key', event?.key],
    ['source', event?.source],
    ['accepted', acceptedTime && timeInWords(acceptedTime)],
  ].flatMap(([name, value]) => (value ? [`${printer.paint('quiet', `${name}:`)} ${printable(value)}`] : []));
  const attempts = deliveries.flatMap(({ latest, attempts }) =>
    attempts.map((attempt) => attemptRow(printer, latest?.adapter ?? '', attempt)),
  );
  const leftOut = deliveries.reduce((sum, delivery) => sum + delivery.attemptsLeftOut, 0);
  return [
    ...wrappedLines(`${printer.paint('strong', printable(event?.id ?? ''))}  ${facts.join('  ')}`, printer.columns),
    '',
    ...tableLines(
      ['ADAPTER', 'STATE', 'ATTEMPTS', 'SINCE', 'DETAIL'],
      deliveries.map((delivery) => deliveryRow(printer, delivery, nowMs)),
      printer.columns,
    ),
    ...(attempts.length === 0
      ? []
      : [
          '',
          ...tableLines(
            ['ADAPTER', 'ATTEMPT', 'BEGAN', 'TOOK', 'OUTCOME', 'ERROR OR RECEIPT'],
            attempts,
            printer.columns,
          ),
        ]),
    ...(leftOut === 0 ? [] : [printer.paint('quiet', `at least ${leftOut} older attempts are not shown`)]),
  ];
}

function deliveryRow(printer: Printer, { latest, attempts, attemptsLeftOut }: Delivery, nowMs: number): string[] {
  const state = latest?.state ?? DeliveryState.UNSPECIFIED;
  return [
    printable(latest?.adapter ?? ''),
    printer.paint(stateTone(state), enumName(DeliveryState, state)),
    String(attempts.length + attemptsLeftOut),
    timeInWords(latest?.time),
    latest === undefined ? '' : standingDetail(latest, nowMs),
  ];
}

function attemptRow(printer: Printer, adapter: string, attempt: Attempt): string[] {
  const { error } = attempt;
  return [
    printable(adapter),
    // A number alone in the first cycle; "2.1" is the first attempt after a replay.
    attempt.cycle > 1 ? `${attempt.cycle}.${attempt.number}` : String(attempt.number),
    timeInWords(attempt.startTime),
    durationInWords(attempt.duration),
    printer.paint(
      attempt.outcome === OutcomeKind.DELIVERED ? 'good' : 'waiting',
      enumName(OutcomeKind, attempt.outcome),
    ),
    error === undefined ? printable(attempt.receipt) : printable(`${error.code}: ${error.message}`),
  ];
}

function eventJson({ event, acceptedTime, deliveries }: GetEventResponse): Record<string, unknown> {
  return {
    id: event?.id,
    source: event?.source || undefined,
    type: event?.type,
    key: event?.key || undefined,
    time: isoTime(event?.time),
    accepted_time: isoTime(acceptedTime),
    data_content_type: event?.dataContentType || undefined,
    ...dataJson(event),
    deliveries: deliveries.map(({ latest, idempotencyKey, attempts, attemptsLeftOut }) => ({
      ...(latest && ackJson(latest)),
      idempotency_key: idempotencyKey,
      attempts: attempts.map((attempt) => ({
        number: attempt.number,
        cycle: attempt.cycle,
        adapter_version: attempt.adapterVersion || undefined,
        start_time: isoTime(attempt.startTime),
        duration_ms: attempt.duration && durationMs(attempt.duration),
        outcome: enumName(OutcomeKind, attempt.outcome),
        error: errorJson(attempt.error),
        receipt: attempt.receipt || undefined,
      })),
      attempts_left_out: attemptsLeftOut || undefined,
    })),
  };
}

/** The data as JSON where it is JSON, and in base64 where it is anything else. */
function dataJson(event: GetEventResponse['event']): Record<string, unknown> {
  switch (event?.payload.case) {
    case undefined:
      return {};
    case 'json':
      return { data: event.payload.value };
    case 'data': {
      const bytes = Buffer.from(event.payload.value);
      const data = isJsonContentType(event.dataContentType) ? parsed(bytes) : undefined;
      return data === undefined ? { data_base64: bytes.toString('base64') } : { data };
    }
  }
}

/** By their value, numbers too that no double holds. What the publisher called JSON may not be; undefined then. */
function parsed(json: Uint8Array): unknown {
  try {
    return readJson(json).value;
  } catch {
    return undefined;
  }
}
