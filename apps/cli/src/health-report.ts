import { timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AdapterHealth,
  AdapterState,
  type Breaker,
  BreakerState,
  type ClusterHub,
  type Health,
  type HubHealth,
  type RecentAttempts,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { errorJson } from './ack-report.ts';
import { commandLine, hubText } from './advice.ts';
import { countDeliveries, durationMs, enumName, formatDuration, formatMs, isoTime } from './format.ts';
import { tableLines, wrappedLines } from './table.ts';
import { type Printer, printable, type Tone } from './terminal.ts';

const MEASURES = ['WAITING', 'RUNNING', 'OLDEST', 'DEAD LETTERS', 'FAILED', 'BREAKER'];
const HEALTH_COLUMNS = ['ADAPTER', 'VERSION', 'STATE', ...MEASURES];
/** Where hubs share the journal. */
const SHARED_COLUMNS = ['ADAPTER', 'VERSION', 'STATE', 'HUB', ...MEASURES];
const ADAPTER_COLUMNS = ['ADAPTER', 'PACKAGE', 'VERSION', 'RUNTIME', 'STATE', 'PREVIOUS'];

const NOT_ISOLATED =
  "Adapters are not isolated: they run as the hub's user, and can open what it can (docs/security.md).";

/** The current time, and the hub's address for proposed commands. */
export interface HealthContext {
  /** Milliseconds since 1970. */
  nowMs: number;
  /** The URL of the hub; absent: proposed commands have no --address. */
  address?: string | undefined;
}

/** The health of a hub: a line about the hub, a table of its adapters, and a line for each that needs an operator. */
export function healthLines(printer: Printer, { hub, adapters, hubs }: Health, context: HealthContext): string[] {
  return [
    ...wrappedLines(hubLine(printer, hub, context.nowMs), printer.columns),
    ...(hub?.adapterIsolation === 'none' ? wrappedLines(printer.paint('quiet', NOT_ISOLATED), printer.columns) : []),
    ...(hub?.warnings ?? []).flatMap((warning) =>
      wrappedLines(`${printer.paint('bad', 'warning')}: ${hubText(warning, context.address)}`, printer.columns),
    ),
    '',
    ...(adapters.length === 0
      ? ['No adapters are configured.']
      : tableLines(
          hubs.length === 0 ? HEALTH_COLUMNS : SHARED_COLUMNS,
          adapters.map((adapter) => healthRow(printer, adapter, { ...context, isShared: hubs.length > 0 })),
          printer.columns,
        )),
    ...noteLines(
      printer,
      adapters.flatMap((adapter) => troubles(printer, adapter, context)),
    ),
  ];
}

/** The adapters of a hub and their versions: a table, and a line for each that needs an operator. */
export function adapterLines(printer: Printer, adapters: readonly AdapterHealth[], address?: string): string[] {
  if (adapters.length === 0)
    return [`There are no adapters. To add one: ${commandLine(['adapter', 'add', '<package>'], address)}`];
  const rows = adapters.map((adapter) => adapterRow(printer, adapter));
  const notes = adapters.flatMap((adapter) => versionNotes(printer, adapter, address));
  return [...tableLines(ADAPTER_COLUMNS, rows, printer.columns), ...noteLines(printer, notes)];
}

/** One adapter: a line for each fact, and for each problem that needs an operator. */
export function adapterFacts(printer: Printer, adapter: AdapterHealth, context: HealthContext): string[] {
  const isShared = adapter.owner !== undefined;
  const facts = new Map([
    ...zip(ADAPTER_COLUMNS, adapterRow(printer, adapter)),
    ...zip(isShared ? SHARED_COLUMNS : HEALTH_COLUMNS, healthRow(printer, adapter, { ...context, isShared })),
  ]);
  const [first, ...others] = facts;
  const lines = first === undefined ? [] : tableLines(first, others, printer.columns);
  return [...lines, ...noteLines(printer, troubles(printer, adapter, context))];
}

function zip(names: readonly string[], values: readonly string[]): [string, string][] {
  return names.map((name, index) => [name, values[index] ?? '']);
}

function healthRow(
  printer: Printer,
  adapter: AdapterHealth,
  { nowMs, isShared }: { readonly nowMs: number; readonly isShared: boolean },
): string[] {
  return [
    printable(adapter.id),
    printable(adapter.version) || '-',
    printer.paint(adapterTone(adapter.state), enumName(AdapterState, adapter.state)),
    ...(isShared ? [printable(adapter.owner?.hub ?? '') || '-'] : []),
    String(adapter.waiting),
    String(adapter.inFlight),
    formatDuration(adapter.oldestUnsettledAge),
    printer.paint(adapter.deadLetters > 0n ? 'bad' : 'quiet', String(adapter.deadLetters)),
    failedCell(printer, adapter.recent),
    breakerCell(printer, adapter.breaker, nowMs),
  ];
}

function adapterRow(printer: Printer, adapter: AdapterHealth): string[] {
  return [
    printable(adapter.id),
    printable(adapter.package) || '-',
    printable(adapter.version) || '-',
    printable(adapter.runtime),
    printer.paint(adapterTone(adapter.state), enumName(AdapterState, adapter.state)),
    printable(adapter.previousVersion) || '-',
  ];
}

function noteLines(printer: Printer, notes: readonly string[]): string[] {
  return notes.length === 0 ? [] : ['', ...notes.flatMap((note) => wrappedLines(note, printer.columns))];
}

function hubLine(printer: Printer, hub: HubHealth | undefined, nowMs: number): string {
  if (hub === undefined) return printer.paint('bad', 'The hub did not report its own state.');
  const upFor = hub.startTime ? `, up for ${formatMs(nowMs - timestampMs(hub.startTime))}` : '';
  const accepting = hub.accepting
    ? printer.paint('good', 'accepting events')
    : printer.paint('bad', `not accepting events: ${printable(hub.notAcceptingReason)}`);
  const journal = hub.journal
    ? `; journal ${printable(hub.journal.location)}, ${formatBytes(hub.journal.sizeBytes)}${
        hub.journal.commitLatency ? `, ${formatCommit(durationMs(hub.journal.commitLatency))} a commit` : ''
      }`
    : '';
  const name = hub.name === '' ? '' : `${printable(hub.name)}, `;
  return `Hub ${name}${printable(hub.version)}${upFor}, ${accepting}${journal}`;
}

/** The failed attempts of the last minute. */
function failedCell(printer: Printer, recent: RecentAttempts | undefined): string {
  if (recent === undefined || recent.attempts === 0n) return '-';
  return printer.paint(recent.failures > 0n ? 'bad' : 'quiet', `${recent.failures}/${recent.attempts}`);
}

function breakerCell(printer: Printer, breaker: Breaker | undefined, nowMs: number): string {
  if (breaker === undefined) return '-';
  const since = breaker.since ? ` for ${formatMs(nowMs - timestampMs(breaker.since))}` : '';
  const cause = breaker.cause ? `: ${printable(breaker.cause)}` : '';
  const state = printer.paint(breakerTone(breaker.state), enumName(BreakerState, breaker.state));
  return `${state}${since}${cause}${nextProbe(breaker, nowMs)}`;
}

function nextProbe({ nextProbeTime }: Breaker, nowMs: number): string {
  if (nextProbeTime === undefined) return '';
  const inMs = timestampMs(nextProbeTime) - nowMs;
  return inMs > 0 ? `; next probe in ${formatMs(inMs)}` : '; next probe is due';
}

function troubles(printer: Printer, adapter: AdapterHealth, { nowMs, address }: HealthContext): string[] {
  const { id, breaker, recent, throttledUntilTime } = adapter;
  const error = recent?.lastError ?? (breaker?.state === BreakerState.CLOSED ? undefined : breaker?.lastError);
  const ago = recent?.lastErrorTime ? `, ${formatMs(nowMs - timestampMs(recent.lastErrorTime))} ago` : '';
  const held = adapter.waitingBehindDeadLetters;
  return [
    ...versionNotes(printer, adapter, address),
    ...(held > 0n ? [`${printer.paint('waiting', printable(id))}: ${heldNote(held, address)}`] : []),
    ...(throttledUntilTime
      ? [`${printer.paint('waiting', printable(id))}: ${throttledNote(timestampMs(throttledUntilTime), nowMs)}`]
      : []),
    ...(error
      ? [`${printer.paint('waiting', printable(id))}: last error ${printable(`${error.code}: ${error.message}`)}${ago}`]
      : []),
  ];
}

function throttledNote(untilMs: number, nowMs: number): string {
  const resumes = untilMs > nowMs ? `in ${formatMs(untilMs - nowMs)}` : 'now';
  return `throttled: the external system limits the rate; attempts resume ${resumes}`;
}

function adapterTone(state: AdapterState): Tone {
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

/** With a fraction: commits take less than a millisecond on a good disk. */
function formatCommit(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)}ms` : formatMs(ms);
}

function formatBytes(bytes: bigint): string {
  const kib = Number(bytes) / 1024;
  return kib < 1024 ? `${Math.ceil(kib)} KiB` : `${(kib / 1024).toFixed(1)} MiB`;
}

/** Notes for an operator about an adapter and its versions, one per line. */
function versionNotes(
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
          `${printer.paint('waiting', name)}: canary ${printable(canary.version)} has ${canary.percent}% of the keys; ` +
            `${canary.failures} of its ${canary.attempts} attempts failed`,
        ]
      : []),
  ];
}

/**
 * The current problems, one sentence each; empty when healthy. Dead letters alone are not a current problem.
 */
export function healthProblems({ hub, adapters }: Health, address?: string): string[] {
  return [
    ...(hub?.accepting === true ? [] : [`the hub accepts no events: ${printable(hub?.notAcceptingReason ?? '')}`]),
    ...(hub?.warnings ?? []).map((warning) => hubText(warning, address)),
    // A hub of an earlier version has no warnings.
    ...(adapters.length === 0 && !hub?.warnings.length
      ? ['there are no adapters: events are accepted for nobody']
      : []),
    ...adapters.flatMap(({ id, waitingBehindDeadLetters: held }) =>
      held > 0n ? [`${printable(id)}: ${heldNote(held, address)}`] : [],
    ),
    ...adapters.flatMap(({ id, state, reason, breaker }) => {
      const name = printable(id);
      const why = reason === '' ? '' : `: ${hubText(reason, address)}`;
      const isOpen = breaker !== undefined && breaker.state !== BreakerState.CLOSED;
      return [
        ...(state === AdapterState.READY ? [] : [`${name} is ${enumName(AdapterState, state)}${why}`]),
        ...(isOpen
          ? [`${name}: its breaker is ${enumName(BreakerState, breaker.state)}: ${printable(breaker.cause)}`]
          : []),
      ];
    }),
  ];
}

/** A note about deliveries that wait behind a dead letter. */
function heldNote(held: bigint, address: string | undefined): string {
  const who = `${countDeliveries(held)} ${held === 1n ? 'waits' : 'wait'}`;
  return `${who} behind a dead letter of the same key; replay or discard that: ${commandLine(['delivery', 'list', '--state', 'dead-lettered'], address)}`;
}

/** The health of a hub as one JSON object. Ages and latencies are in milliseconds. */
export function healthJson({ hub, adapters, hubs }: Health): Record<string, unknown> {
  return {
    hub: hub && {
      name: hub.name || undefined,
      version: hub.version,
      start_time: isoTime(hub.startTime),
      accepting: hub.accepting,
      not_accepting_reason: hub.notAcceptingReason || undefined,
      warnings: hub.warnings.length > 0 ? hub.warnings : undefined,
      adapter_isolation: hub.adapterIsolation || undefined,
      journal: hub.journal && {
        location: hub.journal.location,
        size_bytes: Number(hub.journal.sizeBytes),
        commit_latency_ms: hub.journal.commitLatency && durationMs(hub.journal.commitLatency),
      },
    },
    adapters: adapters.map(adapterJson),
    hubs: hubs.length === 0 ? undefined : hubs.map(hubJson),
  };
}

/** One of the hubs that share the journal. */
export function hubJson({ name, version, lastBeatTime, adapters }: ClusterHub): Record<string, unknown> {
  return { name, version, last_beat_time: isoTime(lastBeatTime), adapters };
}

/** One adapter of it. */
export function adapterJson(adapter: AdapterHealth): Record<string, unknown> {
  return {
    id: adapter.id,
    package: adapter.package,
    version: adapter.version,
    previous_version: adapter.previousVersion || undefined,
    runtime: adapter.runtime,
    state: enumName(AdapterState, adapter.state),
    reason: adapter.reason || undefined,
    owner: adapter.owner && {
      hub: adapter.owner.hub,
      epoch: Number(adapter.owner.epoch),
      since: isoTime(adapter.owner.since),
    },
    notice: adapter.notice || undefined,
    canary: adapter.canary && {
      version: adapter.canary.version,
      percent: adapter.canary.percent,
      attempts: Number(adapter.canary.attempts),
      failures: Number(adapter.canary.failures),
    },
    throttled_until_time: isoTime(adapter.throttledUntilTime),
    breaker: adapter.breaker && breakerJson(adapter.breaker),
    recent: adapter.recent && {
      attempts: Number(adapter.recent.attempts),
      failures: Number(adapter.recent.failures),
      last_error: errorJson(adapter.recent.lastError),
      last_error_time: isoTime(adapter.recent.lastErrorTime),
    },
    waiting: Number(adapter.waiting),
    in_flight: adapter.inFlight,
    oldest_unsettled_age_ms: adapter.oldestUnsettledAge && durationMs(adapter.oldestUnsettledAge),
    dead_letters: Number(adapter.deadLetters),
    waiting_behind_dead_letters: Number(adapter.waitingBehindDeadLetters),
  };
}

function breakerJson(breaker: Breaker): Record<string, unknown> {
  return {
    state: enumName(BreakerState, breaker.state),
    since: isoTime(breaker.since),
    cause: breaker.cause || undefined,
    calls: breaker.calls,
    failures: breaker.failures,
    next_probe_time: isoTime(breaker.nextProbeTime),
    last_error: errorJson(breaker.lastError),
  };
}
