import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import type { Span } from './cluster-hub.ts';
import type { LedgerAttempt } from './ledger-process.ts';
import type { LedgerCall } from './verdict.ts';

/** The attempts as the calls that the verdict of one hub is made of. One that broke off may have had no effect. */
export function asCalls(attempts: readonly LedgerAttempt[]): readonly LedgerCall[] {
  return attempts.flatMap(({ adapter, eventId, key, redelivered, isAnswered }, index) => {
    const system = SYSTEM_NAMES.find((name) => name === adapter);
    return system === undefined
      ? []
      : [{ system, key, eventId, effect: isAnswered, sequence: index + 1, body: { redelivered } }];
  });
}

/** Attempts that began while another one of their key was under way at their adapter. */
export function overlapsIn(attempts: readonly LedgerAttempt[]): readonly string[] {
  const overlaps: string[] = [];
  const running = new Map<string, LedgerAttempt>();
  for (const attempt of attempts) {
    const { adapter, key, eventId, beganMs, endedMs } = attempt;
    const line = `${adapter} ${key}`;
    const before = running.get(line);
    const untilMs = before === undefined ? 0 : endOf(before);
    if (before !== undefined && untilMs > beganMs) {
      overlaps.push(`${eventId} at ${adapter} began ${Math.ceil(untilMs - beganMs)} ms before ${before.eventId} ended`);
    }
    if (before === undefined || (endedMs ?? Number.POSITIVE_INFINITY) > untilMs) running.set(line, attempt);
  }
  return overlaps;
}

/** The longest time in which a hub ran undisturbed and an adapter was not called. */
export function longestQuiet(
  attempts: readonly LedgerAttempt[],
  hubs: readonly { readonly name: string; readonly undisturbed: readonly Span[] }[],
): { readonly adapter: string; readonly hub: string; readonly ms: number; readonly untilMs: number } {
  let longest = { adapter: '', hub: '', ms: 0, untilMs: 0 };
  for (const [adapter, calls] of Map.groupBy(attempts, (attempt) => attempt.adapter)) {
    const began = calls.map(({ beganMs }) => beganMs);
    for (const { name, undisturbed } of hubs) {
      for (const { fromMs, toMs } of undisturbed) {
        const until = Math.min(toMs, began.at(-1) ?? 0);
        const inside = [fromMs, ...began.filter((ms) => ms > fromMs && ms < until), until];
        for (const [index, ms] of inside.entries()) {
          const quietMs = ms - (inside[index - 1] ?? ms);
          if (quietMs > longest.ms) longest = { adapter, hub: name, ms: quietMs, untilMs: ms };
        }
      }
    }
  }
  return longest;
}

function endOf({ endedMs }: LedgerAttempt): number {
  return endedMs ?? Number.POSITIVE_INFINITY;
}
