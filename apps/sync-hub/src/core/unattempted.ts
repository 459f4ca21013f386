import type { LaneDelivery } from './lane.ts';
import type { Turn } from './turn.ts';

/** What a delivery can be settled as without an attempt. The reason is a sentence for people. */
export type Unattempted =
  | { readonly state: 'skipped' }
  | { readonly state: 'discarded' | 'dead_lettered'; readonly reason: string };

/** Asks for the record that settles a delivery without an attempt; its counts stay as they are. */
export function recordUnattempted(
  { state, effects }: Turn,
  { event, counts }: Pick<LaneDelivery, 'event' | 'counts'>,
  settled: Unattempted,
): void {
  state.unrecorded += 1;
  effects.push({ kind: 'record', event, counts, nextAttemptInMs: undefined, attempt: undefined, ...settled });
}
