import { type RecordedCall, type Sandbox, SYSTEM_NAMES } from '@hms-sync/sandbox';
import { type EventLog, eventNumber } from './event-log.ts';

/** What the publisher was promised, compared with what the external systems recorded themselves. */
export interface Summary {
  readonly published: number;
  readonly accepted: number;
  /** How many of them got no answer at first and were published again, at another hub. */
  readonly republished: number;
  /** Accepted, and applied by all three systems. */
  readonly delivered: number;
  readonly lost: number;
  /** Changes that a system applied after a later one of the same process. */
  readonly overtaken: number;
  /** Attempts that were made again, because a hub ended before it knew their outcome. */
  readonly repeated: number;
}

export function summarize({ events }: EventLog, systems: Pick<Sandbox, 'calls'>): Summary {
  const accepted = events.filter((event) => event.accepted !== undefined);
  const calls = SYSTEM_NAMES.map((system) => systems.calls({ system }));
  const applied = calls.map((of) => of.filter(({ effect }) => effect));
  const numbers = applied.map((of) => new Set(of.map(({ eventId }) => eventNumber(eventId ?? ''))));
  const delivered = accepted.filter(({ number }) => numbers.every((known) => known.has(number))).length;
  return {
    published: events.length,
    accepted: accepted.length,
    republished: accepted.filter((event) => event.accepted?.silent.length !== 0).length,
    delivered,
    lost: accepted.length - delivered,
    overtaken: applied.reduce((sum, of) => sum + overtakenIn(of), 0),
    repeated: calls.flat().filter(({ attempt }) => attempt > 1).length,
  };
}

function overtakenIn(calls: readonly RecordedCall[]): number {
  const newest = new Map<string | null, number>();
  return calls.filter(({ key, eventId }) => {
    const number = eventNumber(eventId ?? '');
    const last = newest.get(key) ?? 0;
    newest.set(key, Math.max(last, number));
    return number < last;
  }).length;
}
