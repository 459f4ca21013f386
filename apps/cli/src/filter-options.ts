import type { MessageInitShape } from '@bufbuild/protobuf';
import { type Timestamp, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { DeliveryFilterSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type Command, InvalidArgumentError } from 'commander';
import { parseDuration } from './duration.ts';
import { ExitCode, Failure } from './failure.ts';

/** The flags that select deliveries: the fields of the contract's DeliveryFilter. */
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

/** Adds them to a command. A flag that is repeated selects what matches any of its values. */
export function addFilterOptions(command: Command): Command {
  return command
    .option('--adapter <id>', 'of this adapter (repeat a flag to select several)', collect(text))
    .option('--state <state>', 'in this state: waiting, retrying, held, dead-lettered, ...', collect(state))
    .option('--type <type>', 'of events of this type', collect(text))
    .option('--key <key>', 'of events of this key', collect(text))
    .option('--event-id <id>', 'of the event with this id', collect(text))
    .option('--source <source>', "of events of this source; '' is the source of those without one", collect(text))
    .option('--since <time>', 'accepted at this time or later: 2026-01-31T08:00:00Z, or 2h for two hours ago', time)
    .option('--until <time>', 'accepted before this time', time)
    .option(
      '--error-kind <kind>',
      'whose last failure was of this kind: permanent, timed-out, ...',
      collect(errorKind),
    );
}

/** The flags as the contract's filter. */
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
 * For what changes deliveries: a filter that was forgotten changes nothing.
 *
 * @throws Failure when no flag selects any
 */
export function requireFilter(command: string, options: FilterOptions): void {
  if (hasFilter(options)) return;
  throw new Failure(
    `${command} needs a filter: which deliveries, such as --adapter billing or --since 2h`,
    ExitCode.usage,
  );
}

/** @throws Failure when the operator gave no reason */
export function requireReason(command: string, { reason, dryRun }: { reason?: string; dryRun?: true }): string {
  if (reason === undefined && dryRun !== true) {
    throw new Failure(`${command} needs a --reason: say why, for the record`, ExitCode.usage);
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

/** A value of a protobuf enum by its name, written large or small, with - or _. */
function named<Value extends number>(names: Record<string, string | Value>, given: string): Value {
  const value = names[given.toUpperCase().replaceAll('-', '_')];
  if (typeof value === 'number' && value !== 0) return value;
  const known = Object.entries(names).filter(([, other]) => typeof other === 'number' && other !== 0);
  throw new InvalidArgumentError(
    `There are ${known.map(([name]) => name.toLowerCase().replaceAll('_', '-')).join(', ')}.`,
  );
}

function time(given: string): Timestamp {
  const agoMs = parseDuration(given);
  // Date.parse accepts more than that, in the zone of this machine.
  const [, day = ''] = /^(\d{4}-\d\d-\d\d)T[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.exec(given) ?? [];
  const atMs = agoMs !== undefined ? Date.now() - agoMs : isDay(day) ? Date.parse(given) : Number.NaN;
  if (!(atMs >= 0)) {
    throw new InvalidArgumentError('Write it as 2026-01-31T08:00:00Z, or as a time ago: 90s, 30m, 2h, 7d.');
  }
  return timestampFromMs(Math.round(atMs));
}

/** Date.parse takes 30 February for 2 March. */
function isDay(date: string): boolean {
  const atMs = Date.parse(date);
  return !Number.isNaN(atMs) && new Date(atMs).toISOString().startsWith(date);
}
