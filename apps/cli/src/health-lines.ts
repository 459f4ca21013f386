import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AdapterHealth,
  AdapterState,
  type Breaker,
  BreakerState,
  type Health,
  type HubHealth,
  type RecentAttempts,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { hubText } from './advice.ts';
import { heldInWords } from './health-problems.ts';
import { tableLines, wrappedLines } from './table.ts';
import { type Printer, printable, type Tone } from './terminal.ts';
import { versionNotes } from './version-notes.ts';
import { durationInWords, durationMs, enumName, lengthInWords } from './words.ts';

const columns = ['ADAPTER', 'VERSION', 'STATE', 'WAITING', 'RUNNING', 'OLDEST', 'DEAD LETTERS', 'FAILED', 'BREAKER'];

/**
 * The health of a hub for people: a line about the hub, a table of its adapters, and a line for each that needs a person.
 *
 * @param nowMs the time that "since", "next probe" and "throttled" are told against, in ms since 1970
 */
export function healthLines(printer: Printer, { hub, adapters }: Health, nowMs: number, address?: string): string[] {
  const rows = adapters.map((adapter) => [
    printable(adapter.id),
    printable(adapter.version) || '-',
    printer.paint(stateTone(adapter.state), enumName(AdapterState, adapter.state)),
    String(adapter.waiting),
    String(adapter.inFlight),
    durationInWords(adapter.oldestUnsettledAge),
    printer.paint(adapter.deadLetters > 0n ? 'bad' : 'quiet', String(adapter.deadLetters)),
    failuresInWords(printer, adapter.recent),
    breakerInWords(printer, adapter.breaker, nowMs),
  ]);
  const notes = adapters.flatMap((adapter) => troubles(printer, adapter, { nowMs, address }));
  const wrapped = (text: string) => wrappedLines(text, printer.columns);
  return [
    ...wrapped(hubInWords(printer, hub, nowMs)),
    ...(hub?.warnings ?? []).flatMap((warning) =>
      wrapped(`${printer.paint('bad', 'warning')}: ${hubText(warning, address)}`),
    ),
    '',
    ...(rows.length === 0 ? ['No adapters are configured.'] : tableLines(columns, rows, printer.columns)),
    ...(notes.length === 0 ? [] : ['', ...notes.flatMap(wrapped)]),
  ];
}

function hubInWords(printer: Printer, hub: HubHealth | undefined, nowMs: number): string {
  if (hub === undefined) return printer.paint('bad', 'The hub said nothing about itself.');
  const upFor = hub.startTime ? `, up for ${lengthInWords(nowMs - timestampMs(hub.startTime))}` : '';
  const accepting = hub.accepting
    ? printer.paint('good', 'accepting events')
    : printer.paint('bad', `not accepting events: ${printable(hub.notAcceptingReason)}`);
  const journal = hub.journal
    ? `; journal ${printable(hub.journal.location)}, ${sizeInWords(hub.journal.sizeBytes)}${
        hub.journal.commitLatency ? `, ${commitInWords(durationMs(hub.journal.commitLatency))} a commit` : ''
      }`
    : '';
  return `Hub ${printable(hub.version)}${upFor}, ${accepting}${journal}`;
}

/** Of the attempts of the last minute, whatever the breaker does. */
function failuresInWords(printer: Printer, recent: RecentAttempts | undefined): string {
  if (recent === undefined || recent.attempts === 0n) return '-';
  return printer.paint(recent.failures > 0n ? 'bad' : 'quiet', `${recent.failures}/${recent.attempts}`);
}

function breakerInWords(printer: Printer, breaker: Breaker | undefined, nowMs: number): string {
  if (breaker === undefined) return '-';
  const since = breaker.since ? ` for ${lengthInWords(nowMs - timestampMs(breaker.since))}` : '';
  const cause = breaker.cause ? `: ${printable(breaker.cause)}` : '';
  const state = printer.paint(breakerTone(breaker.state), enumName(BreakerState, breaker.state));
  return `${state}${since}${cause}${nextProbe(breaker, nowMs)}`;
}

function nextProbe({ nextProbeTime }: Breaker, nowMs: number): string {
  if (nextProbeTime === undefined) return '';
  const inMs = timestampMs(nextProbeTime) - nowMs;
  return inMs > 0 ? `; next probe in ${lengthInWords(inMs)}` : '; next probe is due';
}

function troubles(
  printer: Printer,
  adapter: AdapterHealth,
  { nowMs, address }: { nowMs: number; address: string | undefined },
): string[] {
  const { id, breaker, recent, throttledUntilTime } = adapter;
  const error = recent?.lastError ?? (breaker?.state === BreakerState.CLOSED ? undefined : breaker?.lastError);
  const ago = recent?.lastErrorTime ? `, ${lengthInWords(nowMs - timestampMs(recent.lastErrorTime))} ago` : '';
  const held = adapter.waitingBehindDeadLetters;
  return [
    ...versionNotes(printer, adapter, address),
    ...(held > 0n ? [`${printer.paint('waiting', printable(id))}: ${heldInWords(held, address)}`] : []),
    ...(throttledUntilTime
      ? [`${printer.paint('waiting', printable(id))}: ${throttledInWords(timestampMs(throttledUntilTime), nowMs)}`]
      : []),
    ...(error
      ? [`${printer.paint('waiting', printable(id))}: last error ${printable(`${error.code}: ${error.message}`)}${ago}`]
      : []),
  ];
}

function throttledInWords(untilMs: number, nowMs: number): string {
  const goesOn = untilMs > nowMs ? `in ${lengthInWords(untilMs - nowMs)}` : 'now';
  return `throttled: the external system asked for less; attempts go on ${goesOn}`;
}

/** How a state looks. */
export function stateTone(state: AdapterState): Tone {
  switch (state) {
    case AdapterState.READY:
      return 'good';
    case AdapterState.FAILED:
    case AdapterState.INCOMPATIBLE:
      return 'bad';
    default:
      return 'waiting';
  }
}

function breakerTone(state: BreakerState): Tone {
  switch (state) {
    case BreakerState.CLOSED:
      return 'good';
    case BreakerState.OPEN:
      return 'bad';
    default:
      return 'waiting';
  }
}

/** Commits take a fraction of a millisecond on a good disk. */
function commitInWords(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : lengthInWords(ms);
}

function sizeInWords(bytes: bigint): string {
  const kib = Number(bytes) / 1024;
  return kib < 1024 ? `${Math.ceil(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}
