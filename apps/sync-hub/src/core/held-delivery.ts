import type { DeliveryCounts } from './delivery.ts';
import type { HeldBy } from './lane.ts';

/** A delivery that may not be attempted now. Told as it happens and not kept. */
export interface HeldDelivery extends DeliveryCounts {
  readonly adapter: string;
  readonly seq: number;
  readonly eventId: string;
  readonly heldBy: HeldBy;
  /** In milliseconds since 1970 by the hub's clock. */
  readonly atMs: number;
}
