import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { DeliveryFilterSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from './duration.ts';
import { ExitCode, Failure } from './failure.ts';

/** The flags that select deliveries: the fields of DeliveryFilter. */
export interface FilterOptions {
  adapter?: string[];
  state?: DeliveryState[];
  type?: string[];
  key?: string[];
  eventId?: string[];
  source?: string[];
  since?: Timestamp;
  until?: Timestamp;
  errorKind?: OutcomeKind[];
}

/** Adds the flags to a command. A repeated flag matches any of its values. */
export function addFilterOptions(command: Command): Command {
  return command
    .option('--adapter <id>', 'only deliveries of this adapter (repeat a flag for several values)', collect(text))
    .option('--state <state>', 'only in this state: waiting, retrying, held, dead-lettered, ...', collect(state))
    .option('--type <type>', 'only events of this type', collect(text))
    .option('--key <key>', 'only events of this key', collect(text))
    .option('--event-id <id>', 'only the event with this id', collect(text))
    .option('--source <source>', "only events of this source; '' for events without a source", collect(text))
    .option(
      '--since <time>',
      'only events accepted since this time: 2026-01-31T08:00:00Z, or 2h for 2 hours ago',
      parseTime,
    )
    .option('--until <time>', 'only events accepted before this time', parseTime)
    .option(
      '--error-kind <kind>',
      'only deliveries whose last failure was of this kind: permanent, timed-out, ...',
      collect(errorKind),
    );
}

/** The flags as a DeliveryFilter. */
export function toFilter(options: FilterOptions): MessageInitShape<typeof DeliveryFilterSchema> {
  return {
    adapters: options.adapter ?? [],
    states: options.state ?? [],
    types: options.type ?? [],
    keys: options.key ?? [],
    eventIds: options.eventId ?? [],
    sources: options.source ?? [],
    errorKinds: options.errorKind ?? [],
    ...(options.since !== undefined && { since: options.since }),
    ...(options.until !== undefined && { until: options.until }),
  };
}

/** True when any flag selects deliveries. */
export function hasFilter(options: FilterOptions): boolean {
  const { adapter, state, type, key, eventId, source, since, until, errorKind } = options;
  return [adapter, state, type, key, eventId, source, since, until, errorKind].some((value) => value !== undefined);
}

/**
 * Requires a filter for a command that changes deliveries.
 *
 * @throws Failure when no flag is set
 */
export function requireFilter(command: string, options: FilterOptions): void {
  if (hasFilter(options)) return;
  throw new Failure(`${command} requires a filter, such as --adapter billing or --since 2h`, ExitCode.usage);
}

/** @throws Failure when the reason is missing */
export function requireReason(command: string, { reason, dryRun }: { reason?: string; dryRun?: true }): string {
  if (reason === undefined && dryRun !== true) {
    throw new Failure(`${command} requires --reason: why, for the record`, ExitCode.usage);
  }
  return reason ?? '';
}

function collect<Value>(parse: (given: string) => Value): (given: string, before: Value[] | undefined) => Value[] {
  return (given, before = []) => [...before, parse(given)];
}

function text(given: string): string {
  return given;
}

function state(given: string): DeliveryState {
  return named(DeliveryState, given);
}

function errorKind(given: string): OutcomeKind {
  return named(OutcomeKind, given);
}

/** The value of a protobuf enum by its name, in any case, with - or _. */
function named<Value extends number>(names: Record<string, string | Value>, given: string): Value {
  const value = names[given.toUpperCase().replaceAll('-', '_')];
  if (typeof value === 'number' && value !== 0) return value;
  const known = Object.entries(names).filter(([, other]) => typeof other === 'number' && other !== 0);
  throw new InvalidArgumentError(
    `Known are ${known.map(([name]) => name.toLowerCase().replaceAll('_', '-')).join(', ')}.`,
  );
}

/** A moment, or a time ago. @throws InvalidArgumentError */
export function parseTime(given: string): Timestamp {
  const agoMs = parseDuration(given);
  // Date.parse also accepts times without a zone, which would be local.
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)T[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.exec(given) ?? [];
  const atMs = agoMs !== undefined ? Date.now() - agoMs : isDay(day) ? Date.parse(given) : Number.NaN;
  if (!(atMs >= 0)) {
    throw new InvalidArgumentError('Write it as 2026-01-31T08:00:00Z, or as the time since then: 90s, 30m, 2h, 7d.');
  }
  return timestampFromMs(Math.round(atMs));
}

/** Date.parse reads 30 February as 2 March. */
function isDay(date: string): boolean {
  const atMs = Date.parse(date);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}
