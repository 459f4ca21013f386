import type { RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { HeldBy } from '../core/lane.ts';
import type { Lane } from './lane.ts';

/** All lanes of the hub, each independent of the others. */
export class Lanes {
  #lanes: ReadonlyMap<string, Lane> = new Map();
  #ids: readonly string[] = [];
  readonly #leaving = new Set<string>();

  constructor(lanes: readonly Lane[]) {
    this.#replace(lanes);
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /** The lane of an adapter; undefined when it has none. */
  get(adapterId: string): Lane | undefined {
    return this.#lanes.get(adapterId);
  }

  /** The adapters that take events now, in alphabetical order. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** An adapter takes events from now on. */
  add(lane: Lane): void {
    this.#replace([...this, lane]);
  }

  /** An adapter takes no new events from now on, or does so again. What it has goes on. */
  setLeaving(id: string, isLeaving: boolean): void {
    if (isLeaving) this.#leaving.add(id);
    else this.#leaving.delete(id);
    this.#replace([...this]);
  }

  /** Lets go of a lane; nothing is told to it any more. */
  remove(id: string): void {
    this.#leaving.delete(id);
    this.#replace([...this].filter(({ adapter }) => adapter.id !== id));
  }

  /** Starts every lane; resolves when each adapter is ready or has failed. */
  async start(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.start()));
  }

  accepted(events: readonly AcceptedEvent[]): void {
    for (const lane of this) lane.accepted(events);
  }

  /** Records of adapters that have no lane are ignored. */
  recorded(records: readonly RecordedDelivery[]): void {
    for (const record of records) this.#lanes.get(record.adapter)?.recorded(record);
  }

  /** Dead letters were opened again. Those of adapters that have no lane are ignored. */
  reopened(deliveries: readonly ReopenedDelivery[]): void {
    for (const delivery of deliveries) this.#lanes.get(delivery.adapter)?.reopened(delivery);
  }

  /** What keeps the delivery of an event that is not settled from being attempted; undefined when nothing does. */
  heldBy(adapter: string, event: { readonly seq: number; readonly key: string }): HeldBy | undefined {
    // Without a lane nobody will attempt it: its adapter was taken out of the configuration.
    const lane = this.#lanes.get(adapter);
    return lane === undefined ? 'not_ready' : lane.heldBy(event);
  }

  /** Begins nothing new; resolves when all that runs has ended and is recorded, or after the time. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all([...this].map((lane) => lane.drain(withinMs)));
  }

  async close(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.close()));
  }

  /** As a whole: who goes through the lanes meanwhile sees all of one state. */
  #replace(lanes: readonly Lane[]): void {
    const sorted = lanes.toSorted((a, b) => (a.adapter.id < b.adapter.id ? -1 : 1));
    this.#lanes = new Map(sorted.map((lane) => [lane.adapter.id, lane]));
    this.#ids = [...this.#lanes.keys()].filter((id) => !this.#leaving.has(id));
  }
}
