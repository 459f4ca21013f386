import { type RecordedCall, SYSTEM_NAMES, type SystemName } from '@hms-sync/sandbox';
import type { OrderBook } from './order-book.ts';

/** What went wrong between what was accepted and what the systems saw. Each line names its event. */
export interface Verdict {
  /** Accepted and without effect at a system. */
  readonly lost: readonly string[];
  /** Called after a later event of its key had been called. */
  readonly overtaken: readonly string[];
  /** Called again without the redelivered flag. */
  readonly undeclaredDuplicates: readonly string[];
  /** Calls that were declared to be made again: what the kills are there to cause. */
  readonly declaredDuplicates: number;
}

/** A line for each event that was not dealt with as it should; empty when all is well. */
export function breachesIn({ lost, overtaken, undeclaredDuplicates }: Verdict): readonly string[] {
  return [
    ...lost.map((where) => `lost: ${where}`),
    ...overtaken.map((where) => `overtaken: ${where}`),
    ...undeclaredDuplicates.map((where) => `repeated without the redelivered flag: ${where}`),
  ];
}

/** What a ledger has of a call. */
export type LedgerCall = Pick<RecordedCall, 'system' | 'key' | 'eventId' | 'effect' | 'sequence' | 'body'>;

/** Compares the ledger with the book: every call, in the order in which it arrived, at the systems that were to get it. */
export function judge(
  book: OrderBook,
  calls: readonly LedgerCall[],
  systems: readonly SystemName[] = SYSTEM_NAMES,
): Verdict {
  const effects = new Set(calls.filter(({ effect }) => effect).map(({ system, eventId }) => `${system} ${eventId}`));
  const lost = systems.flatMap((system) =>
    book.ids.filter((id) => !effects.has(`${system} ${id}`)).map((id) => `${id} at ${system}`),
  );
  const overtaken: string[] = [];
  const undeclaredDuplicates: string[] = [];
  let declaredDuplicates = 0;
  const newest = new Map<string, number>();
  const seen = new Set<string>();
  for (const call of calls) {
    const { system, key, eventId, sequence } = call;
    const where = `${eventId} at ${system}, call ${sequence}`;
    // The last event of a key may be accepted without an acknowledgement.
    const place = book.placeOf(eventId ?? '') ?? Number.POSITIVE_INFINITY;
    const line = `${system} ${key}`;
    if (place < (newest.get(line) ?? 0)) overtaken.push(where);
    newest.set(line, Math.max(place, newest.get(line) ?? 0));
    const delivery = `${system} ${eventId}`;
    if (seen.has(delivery)) {
      if (isDeclared(call)) declaredDuplicates += 1;
      else undeclaredDuplicates.push(where);
    }
    seen.add(delivery);
  }
  return { lost, overtaken, undeclaredDuplicates, declaredDuplicates };
}

function isDeclared({ body }: LedgerCall): boolean {
  return typeof body === 'object' && body !== null && 'redelivered' in body && body.redelivered === true;
}
