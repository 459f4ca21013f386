import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { checkJson, JsonError } from '@hms-sync/proto/json';
import { type Command, Option } from 'commander';
import { isTerminal, publishAndFollow } from '../ack-feed.ts';
import { detail } from '../ack-line.ts';
import { commandLine, sourceFlag } from '../advice.ts';
import { adviceToPublishers, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { addressOption } from '../hub-address.ts';
import { PublishReport } from '../publish-report.ts';
import { printable, type Terminal } from '../terminal.ts';
import { parseTimeLimit, timeLimit } from '../time-limit.ts';
import { enumName, lengthInWords } from '../words.ts';

interface PublishOptions {
  type?: string;
  key?: string;
  id?: string;
  source?: string;
  data?: string;
  until: keyof typeof untilByName;
  timeout: number;
  address: string;
  json?: true;
}

/** Longer than a healthy delivery with a few retries, and short enough for a script that nobody watches. */
const TIMEOUT_DEFAULT_MS = 60_000;

const untilByName = {
  accepted: PublishUntil.ACCEPTED,
  'first-attempt': PublishUntil.FIRST_ATTEMPT,
  settled: PublishUntil.SETTLED,
} as const;

export function addPublishCommand(program: Command, terminal: Terminal): void {
  program
    .command('publish')
    .description('publish one event and show its outcome at every adapter')
    .option('--type <type>', 'what kind of change it is, such as ProcessUpdated (required)')
    .option('--key <key>', 'the thing that changed; events of one key arrive in order')
    .option('--id <id>', 'the event id; publishing it again is no second event (default: a new one)')
    .option('--source <source>', 'who publishes')
    .option('--data <json>', 'the change as JSON, @file to read it from a file, - to read it from stdin')
    .addOption(
      new Option('--until <step>', 'when to stop watching').choices(Object.keys(untilByName)).default('settled'),
    )
    .addOption(
      new Option('--timeout <time>', 'stop watching after this time: 500ms, 30s, 5m, 2h, or none; the event goes on')
        .argParser(parseTimeLimit)
        .default(TIMEOUT_DEFAULT_MS, '60s'),
    )
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      '\nExit code: 0 nothing failed, 1 an adapter did not take the event, 2 wrong usage or refused,\n' +
        '6 no hub answered, 7 accepted and on disk, but not settled everywhere within --timeout.',
    )
    .action((options: PublishOptions) => publish(options, terminal));
}

async function publish(options: PublishOptions, terminal: Terminal): Promise<void> {
  const event = await eventOf(options);
  const hub = connectToHub(options.address);
  const report = new PublishReport(terminal.data, { asJson: options.json === true, address: options.address });
  const limit = timeLimit(options.timeout);
  const latest = new Map<string, Ack | undefined>();
  let isAccepted = false;
  try {
    const steps = publishAndFollow(hub, event, {
      until: untilByName[options.until],
      signal: limit,
      onLost: () => terminal.notes.line('The connection to the hub was lost; resuming ...'),
    });
    for await (const step of steps) {
      report.tell(step);
      if (step.kind === 'ack') latest.set(step.ack.adapter, step.ack);
      else for (const adapter of step.accepted.adapters) latest.set(adapter, undefined);
      isAccepted = true;
    }
  } catch (error) {
    if (limit.aborted && isAccepted) throw notSettled(event.id, latest, options);
    const failure = limit.aborted ? unanswered(options) : apiFailure(error, options.address, adviceToPublishers);
    throw withRetryAdvice(failure, event);
  } finally {
    hub.close();
  }
  const failed = [...latest.values()].filter((ack): ack is Ack => ack !== undefined && isFailed(ack));
  if (failed.length > 0) {
    const lines = failed.map((ack) => `${printable(ack.adapter)} did not take the event: ${detail(ack)}`);
    throw new Failure(lines.join('\n  '), ExitCode.failed);
  }
}

async function eventOf(options: PublishOptions): Promise<MessageInitShape<typeof SyncEventSchema> & { id: string }> {
  // Not left to commander: it would name the missing option before it names the misspelt one.
  if (options.type === undefined) throw new Failure('--type is missing, such as --type ProcessUpdated', ExitCode.usage);
  const data = options.data === undefined ? undefined : await readJson(options.data);
  return {
    // Made here and not by the hub: after a lost answer the same id can be published again. For the same reason there
    // is no time: it would make another content of the same event.
    id: options.id ?? randomUUID(),
    type: options.type,
    key: options.key ?? '',
    source: options.source ?? '',
    payload: data === undefined ? { case: undefined } : { case: 'data', value: data },
    dataContentType: data === undefined ? '' : 'application/json',
  };
}

/** The bytes as they were given, once they are the JSON that the hub takes. */
async function readJson(given: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readGiven(given);
  try {
    checkJson(bytes);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    // The name of a file without its @ is the usual slip.
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

/** Says what is still waited for, and how to follow it: the event is on disk and goes on without this command. */
function notSettled(id: string, latest: ReadonlyMap<string, Ack | undefined>, options: PublishOptions): Failure {
  const open = [...latest].filter(([, ack]) => ack === undefined || !isTerminal(ack.state) || isFailed(ack));
  const lines = open.map(([adapter, ack]) => {
    const standing =
      ack === undefined ? 'no attempt has ended yet' : `${enumName(DeliveryState, ack.state)}, ${detail(ack)}`;
    return `${printable(adapter)}: ${standing}`;
  });
  const show = commandLine(['events', 'show', id, ...sourceFlag(options.source)], options.address);
  const looking = `It is on disk and goes on without this command: ${show}`;
  const what = `accepted, but not settled everywhere within ${lengthInWords(options.timeout)}`;
  return new Failure(
    [what, ...lines, looking].join('\n  '),
    open.some(([, ack]) => ack !== undefined && isFailed(ack)) ? ExitCode.failed : ExitCode.notSettled,
  );
}

function unanswered({ address, timeout }: PublishOptions): Failure {
  const what = `the hub at ${address} did not answer within ${lengthInWords(timeout)}: whether it took the event is unknown`;
  return new Failure(`${what}\n  ${adviceToPublishers}`, ExitCode.noAnswer);
}

function isFailed(ack: Ack): boolean {
  return ack.state === DeliveryState.DEAD_LETTERED || ack.state === DeliveryState.DISCARDED;
}

/** Whether the event was accepted is unknown when no answer came; its id makes trying again safe. */
function withRetryAdvice(failure: Failure, event: { id: string }): Failure {
  if (failure.exitCode !== ExitCode.noAnswer) return failure;
  return new Failure(`${failure.message}\n  To try again: the same command with --id ${event.id}`, failure.exitCode, {
    cause: failure,
  });
}
