import type { LaneDelivery } from './lane.ts';
import type { Turn } from './turn.ts';
import { recordUnattempted } from './unattempted.ts';

/** A delivery of the window that a person gives up. It stays in its place until that is on disk: what is behind it is
 * not free before. */
export function giveUp(turn: Turn, delivery: LaneDelivery, reason: string): void {
  delivery.state = { kind: 'recording', next: { kind: 'settled' } };
  recordUnattempted(turn, delivery, { state: 'discarded', reason });
}
