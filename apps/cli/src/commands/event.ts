import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Ack, DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEvent, SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import {
  type Attempt,
  type Delivery,
  type GetEventResponse,
  PublishUntil,
} from '@hms-sync/proto/hms/sync/v1/sync_service';
import { checkJson, isJsonContentType, JsonError, readJson } from '@hms-sync/proto/json';
import { type Command, Option } from 'commander';
import { followAcks, isTerminal, publishAndFollow } from '../ack-feed.ts';
import { AckReport, ackJson, deliveryTone, detail, errorJson, PublishReport, statusDetail } from '../ack-report.ts';
import { commandLine, sourceFlag } from '../advice.ts';
import { ADVICE_TO_PUBLISHERS, apiFailure } from '../api-failure.ts';
import { parseTimeout, timeoutSignal } from '../duration.ts';
import { ExitCode, Failure } from '../failure.ts';
import { addFilterOptions, type FilterOptions, toFilter } from '../filter-options.ts';
import { durationMs, enumName, eventName, formatDuration, formatMs, formatTime, isoTime } from '../format.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { connectToHub, followHub, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import { tableLines, wrappedLines } from '../table.ts';
import { type Printer, printable, type Terminal } from '../terminal.ts';

interface PublishOptions extends JsonOptions {
  type?: string;
  key?: string;
  id?: string;
  source?: string;
  data?: string;
  until: keyof typeof UNTIL_BY_NAME;
  timeout: number;
  address: string;
}

interface ShowOptions extends JsonOptions {
  source?: string;
  payload?: true;
  reason?: string;
  address: string;
}

interface WatchOptions extends JsonOptions {
  cursor?: string;
  source?: string;
  address: string;
}

interface TailOptions extends FilterOptions, JsonOptions {
  address: string;
}

/** Longer than a delivery with a few retries, and short enough for scripts. */
const TIMEOUT_DEFAULT_MS = 60_000;

const UNTIL_BY_NAME = {
  accepted: PublishUntil.ACCEPTED,
  'first-attempt': PublishUntil.FIRST_ATTEMPT,
  settled: PublishUntil.SETTLED,
} as const;

/** `hms-sync event`: publish, show, watch, tail. */
export function addEventCommand(program: Command, terminal: Terminal): void {
  const event = program
    .command('event')
    .description('publish events and show their outcomes')
    .usage('<verb> [options]')
    .helpGroup('Events:')
    .commandsGroup('Events:');
  event
    .command('publish')
    .description('publish one event and show its outcome at each adapter')
    .option('--type <type>', 'the event type, such as ProcessUpdated (required)')
    .option('--key <key>', 'what changed; events of one key are delivered in order')
    .option('--id <id>', 'the event id; publishing it again creates no second event (default: a new id)')
    .option('--source <source>', 'the publisher of the event')
    .option('--data <json>', 'the payload as JSON; @<file> reads it from a file, - from stdin')
    .addOption(
      new Option(
        '--until <step>',
        'stop when the event is accepted, each delivery was attempted once, or all are settled',
      )
        .choices(Object.keys(UNTIL_BY_NAME))
        .default('settled'),
    )
    .addOption(
      new Option(
        '--timeout <time>',
        'stop after this time: 500ms, 30s, 5m, 2h, or none; the hub still delivers the event',
      )
        .argParser(parseTimeout)
        .default(TIMEOUT_DEFAULT_MS, '60s'),
    )
    .addOption(addressOption())
    .addOption(jsonLinesOption())
    .addHelpText(
      'after',
      examples(
        `event publish --type ProcessUpdated --key telehealth --data '{"version":2}'`,
        'event publish --type ProcessUpdated --key telehealth --data @change.json --until accepted',
      ),
    )
    .action((options: PublishOptions) => publish(options, terminal));
  event
    .command('show')
    .description('show one event, its deliveries and their newest attempts')
    .argument('<id>', 'the event id')
    .option('--source <source>', "the event's source, if several sources have this id; '' for events without a source")
    .addOption(addressOption())
    .option('--payload', 'with --json: include the payload; the audit log records it')
    .option('--reason <text>', 'with --payload: why, for the audit log; required of an administrator')
    .addOption(jsonOption())
    .addHelpText('after', examples('event show 0198c5d2-7a10-7000-8000-000000000001'))
    .action((id: string, options: ShowOptions) => show(id, options, terminal));
  event
    .command('watch')
    .description('show every outcome, of all events or of some, and miss none')
    .argument('[event-ids...]', 'show all outcomes of these events, and exit when they are settled')
    .option('--source <source>', 'the source of the events, if several sources have one of the ids')
    .option('--cursor <cursor>', 'continue after this cursor, that of the last ack that you received')
    .addOption(addressOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('event watch', 'event watch --jsonl --cursor aZ3x-billing.41_records.40'))
    .action((eventIds: string[], options: WatchOptions) => watch(eventIds, options, terminal));
  addFilterOptions(event.command('tail'))
    .description('show new events and outcomes until Ctrl-C; may skip some')
    .addOption(addressOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('event tail', 'event tail --adapter billing --state retrying'))
    .action((options: TailOptions) => tail(options, terminal));
}

async function publish(options: PublishOptions, terminal: Terminal): Promise<void> {
  const event = await eventOf(options);
  const hub = connectToHub(options.address);
  const report = new PublishReport(terminal.data, { asJson: options.jsonl === true, address: options.address });
  const timeout = timeoutSignal(options.timeout);
  const latest = new Map<string, Ack | undefined>();
  let isAccepted = false;
  try {
    const steps = publishAndFollow(hub, event, {
      until: UNTIL_BY_NAME[options.until],
      signal: timeout,
      onLost: () => terminal.notes.line('The connection to the hub was lost; resuming ...'),
    });
    for await (const step of steps) {
      report.print(step);
      if (step.kind === 'ack') latest.set(step.ack.adapter, step.ack);
      else for (const adapter of step.accepted.adapters) latest.set(adapter, undefined);
      isAccepted = true;
    }
  } catch (error) {
    if (timeout.aborted && isAccepted) throw notSettled(event.id, latest, options);
    const failure = timeout.aborted ? unanswered(options) : apiFailure(error, options.address, ADVICE_TO_PUBLISHERS);
    throw withRetryAdvice(failure, event);
  } finally {
    hub.close();
  }
  const failed = [...latest.values()].filter((ack): ack is Ack => ack !== undefined && isFailed(ack));
  if (failed.length > 0) {
    const lines = failed.map((ack) => `${printable(ack.adapter)} did not deliver the event: ${detail(ack)}`);
    throw new Failure(lines.join('\n  '), ExitCode.failed);
  }
}

async function eventOf(options: PublishOptions): Promise<MessageInitShape<typeof SyncEventSchema> & { id: string }> {
  // Not checked by commander, which would report the missing option instead of a misspelt one.
  if (options.type === undefined) throw new Failure('--type is missing, such as --type ProcessUpdated', ExitCode.usage);
  const data = options.data === undefined ? undefined : await readData(options.data);
  return {
    // Created here and not by the hub, so that the event can be published again with the same id after a lost response.
    // It has no time, because a new time would be different content.
    id: options.id ?? randomUUID(),
    type: options.type,
    key: options.key ?? '',
    source: options.source ?? '',
    payload: data === undefined ? { case: undefined } : { case: 'data', value: data },
    dataContentType: data === undefined ? '' : 'application/json',
  };
}

/** The bytes of --data. @throws Failure unless they are JSON that the hub accepts */
async function readData(given: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readGiven(given);
  try {
    checkJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    // A usual mistake is a file name without @.
    const advice = /^(\s*[[{"@]|-$|$)/.test(given) ? '' : ' To read it from a file: --data @<file>';
    throw new Failure(`--data ${error.message}.${advice}`, ExitCode.usage);
  }
  return new Uint8Array(bytes);
}

async function readGiven(given: string): Promise<Uint8Array> {
  if (given === '-') return buffer(process.stdin);
  if (!given.startsWith('@')) return new TextEncoder().encode(given);
  const file = given.slice(1);
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const why = code === 'ENOENT' ? 'there is no such file' : code;
    throw new Failure(`--data: cannot read ${file}: ${why}.`, ExitCode.usage, { cause: error });
  }
}

/** The failure of --timeout: which deliveries are not settled, and how to follow them. */
function notSettled(id: string, latest: ReadonlyMap<string, Ack | undefined>, options: PublishOptions): Failure {
  const open = [...latest].filter(([, ack]) => ack === undefined || !isTerminal(ack.state) || isFailed(ack));
  const lines = open.map(([adapter, ack]) => {
    const status =
      ack === undefined ? 'no attempt has ended yet' : `${enumName(DeliveryState, ack.state)}, ${detail(ack)}`;
    return `${printable(adapter)}: ${status}`;
  });
  const show = commandLine(['event', 'show', id, ...sourceFlag(options.source)], options.address);
  const next = `The event is on disk, and the hub still delivers it. To see its status: ${show}`;
  const what = `accepted, but not settled everywhere within ${formatMs(options.timeout)}`;
  return new Failure(
    [what, ...lines, next].join('\n  '),
    open.some(([, ack]) => ack !== undefined && isFailed(ack)) ? ExitCode.failed : ExitCode.notSettled,
  );
}

function unanswered({ address, timeout }: PublishOptions): Failure {
  const what = `the hub at ${address} did not answer within ${formatMs(timeout)}: whether it accepted the event is unknown`;
  return new Failure(`${what}\n  ${ADVICE_TO_PUBLISHERS}`, ExitCode.noAnswer);
}

function isFailed(ack: Ack): boolean {
  return ack.state === DeliveryState.DEAD_LETTERED || ack.state === DeliveryState.DISCARDED;
}

/** Without a response, it is unknown whether the event was accepted; publishing again with its id is safe. */
function withRetryAdvice(failure: Failure, event: { id: string }): Failure {
  if (failure.exitCode !== ExitCode.noAnswer) return failure;
  return new Failure(
    `${failure.message}\n  To publish it again: the same command with --id ${event.id}`,
    failure.exitCode,
    {
      cause: failure,
    },
  );
}

async function show(
  id: string,
  { source, address, json, payload, reason }: ShowOptions,
  { data }: Terminal,
): Promise<void> {
  if (payload && !json) throw new Failure('--payload goes with --json', ExitCode.usage);
  const response = await readHub(address, ({ sync }) =>
    sync.getEvent({
      id,
      includePayload: payload === true,
      reason: reason ?? '',
      ...(source !== undefined && { source }),
    }),
  );
  if (json) data.json(eventJson(response));
  else for (const line of eventLines(data, response, Date.now())) data.line(line);
}

function eventLines(printer: Printer, response: GetEventResponse, nowMs: number): string[] {
  const { event, acceptedTime, deliveries, publishedBy } = response;
  const facts = [
    ['type', event?.type],
    ['key', event?.key],
    ['source', event?.source],
    ['accepted', acceptedTime && formatTime(acceptedTime)],
    ['published by', publishedBy],
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
    printer.paint(deliveryTone(state), enumName(DeliveryState, state)),
    String(attempts.length + attemptsLeftOut),
    formatTime(latest?.time),
    latest === undefined ? '' : statusDetail(latest, nowMs),
  ];
}

function attemptRow(printer: Printer, adapter: string, attempt: Attempt): string[] {
  const { error } = attempt;
  return [
    printable(adapter),
    // A number alone in the first cycle; "2.1" is the first attempt after a replay.
    attempt.cycle > 1 ? `${attempt.cycle}.${attempt.number}` : String(attempt.number),
    formatTime(attempt.startTime),
    formatDuration(attempt.duration),
    printer.paint(
      attempt.outcome === OutcomeKind.DELIVERED ? 'good' : 'waiting',
      enumName(OutcomeKind, attempt.outcome),
    ),
    error === undefined ? printable(attempt.receipt) : printable(`${error.code}: ${error.message}`),
  ];
}

function eventJson({ event, acceptedTime, deliveries, publishedBy }: GetEventResponse): Record<string, unknown> {
  return {
    id: event?.id,
    source: event?.source || undefined,
    type: event?.type,
    key: event?.key || undefined,
    time: isoTime(event?.time),
    accepted_time: isoTime(acceptedTime),
    published_by: publishedBy || undefined,
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

/** The payload as JSON, or in base64 if it is not JSON. */
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

/** The parsed JSON, with large numbers unchanged; undefined when it is not JSON. */
function parsed(json: Uint8Array): unknown {
  try {
    return readJson(json).value;
  } catch {
    return undefined;
  }
}

async function watch(eventIds: string[], options: WatchOptions, { data, notes }: Terminal): Promise<void> {
  const { source, address, jsonl } = options;
  const report = new AckReport(data, { asJson: jsonl === true });
  await followHub(address, async (hub, signal) => {
    let cursor = options.cursor ?? '';
    try {
      const onLost = () => notes.line('The connection to the hub was lost; resuming ...');
      for await (const ack of followAcks(hub, { eventIds, source, cursor }, { signal, onLost })) {
        cursor = ack.cursor || cursor;
        report.print(ack);
      }
    } finally {
      if (signal.aborted && cursor !== '') {
        const words = ['event', 'watch', ...eventIds, ...sourceFlag(source), '--cursor', cursor];
        notes.line(`To continue from here: ${commandLine(words, address)}`);
      }
    }
  });
}

async function tail(options: TailOptions, { data, notes }: Terminal): Promise<void> {
  const asJson = options.jsonl === true;
  const report = new AckReport(data, { asJson });
  await followHub(options.address, async ({ admin }, signal) => {
    for await (const { happening } of admin.tailEvents({ filter: toFilter(options) }, { signal })) {
      switch (happening.case) {
        case 'accepted':
          if (asJson) data.json(acceptedEventJson(happening.value));
          else data.line(acceptedLine(data, happening.value));
          break;
        case 'ack':
          if (asJson) data.json({ kind: 'ack', ...ackJson(happening.value) });
          else report.print(happening.value);
          break;
        case 'missed':
          if (asJson) data.json({ kind: 'missed', missed: Number(happening.value) });
          else notes.line(`(${happening.value} skipped: they arrived faster than they were read)`);
          break;
        case undefined:
          break;
      }
    }
    throw new Failure(`the hub at ${options.address} ended the stream: it may be shutting down`, ExitCode.noAnswer);
  });
}

function acceptedEventJson({ id, source, type, key, time }: SyncEvent): Record<string, unknown> {
  return {
    kind: 'accepted',
    event_id: id,
    source: source || undefined,
    type,
    key: key || undefined,
    time: isoTime(time),
  };
}

function acceptedLine(printer: Printer, { id, source, type, key, time }: SyncEvent): string {
  const lead = printer.paint('quiet', `${formatTime(time)}  ${eventName(id, source)}`);
  const about = `${printable(type)}${key === '' ? '' : ` of ${printable(key)}`}`;
  return `${lead}  ${printer.paint('strong', 'ACCEPTED')}  ${about}`;
}
