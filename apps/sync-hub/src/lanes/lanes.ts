import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { HeldBy } from '../core/lane.ts';
import type { Lane } from './lane.ts';

/** All lanes of the hub, each independent of the others. */
export class Lanes {
  readonly #lanes: ReadonlyMap<string, Lane>;

  /** @param lanes in alphabetical order of their adapters' ids */
  constructor(lanes: readonly Lane[]) {
    this.#lanes = new Map(lanes.map((lane) => [lane.adapter.id, lane]));
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /** Starts every lane; resolves when each adapter is ready or has failed. */
  async start(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.start()));
  }

  accepted(events: readonly AcceptedEvent[]): void {
    for (const lane of this) lane.accepted(events);
  }

  /** Records of adapters that are no longer configured are passed over. */
  recorded(records: readonly RecordedDelivery[]): void {
    for (const record of records) this.#lanes.get(record.adapter)?.recorded(record);
  }

  /** What keeps a delivery that is not settled from being attempted; undefined when nothing does. */
  heldBy(adapter: string, seq: number): HeldBy | undefined {
    // Without a lane nobody will attempt it: its adapter was taken out of the configuration.
    const lane = this.#lanes.get(adapter);
    return lane === undefined ? 'not_ready' : lane.heldBy(seq);
  }

  /** Begins nothing new; resolves when all that runs has ended and is recorded, or after the time. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all([...this].map((lane) => lane.drain(withinMs)));
  }

  async close(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.close()));
  }
}
