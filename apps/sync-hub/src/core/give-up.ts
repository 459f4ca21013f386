import type { LaneDelivery } from './lane.ts';
import type { Turn } from './turn.ts';

/** A delivery of the window that a person gives up. It stays in its place until that is on disk: what is behind it is
 * not free before. */
export function giveUp(turn: Turn, delivery: LaneDelivery, reason: string): void {
  delivery.state = { kind: 'recording', next: { kind: 'settled' } };
  recordDiscarded(turn, delivery, reason);
}

export function recordDiscarded(
  { state, effects }: Turn,
  { event, counts }: Pick<LaneDelivery, 'event' | 'counts'>,
  reason: string,
): void {
  state.unrecorded += 1;
  const none = { nextAttemptInMs: undefined, attempt: undefined };
  effects.push({ kind: 'record', event, counts, state: 'discarded', reason, ...none });
}
