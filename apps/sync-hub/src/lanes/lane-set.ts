import type { HeldBy } from '../core/lane-messages.ts';
import type { Commit, LaneNews } from '../journal/journal.ts';
import type { Lane } from './lane.ts';

/** All lanes of the hub, each independent of the others. */
export class LaneSet {
  #lanes: ReadonlyMap<string, Lane> = new Map();
  #ids: readonly string[] = [];
  readonly #notReceiving = new Set<string>();

  readonly #onReceivers: (adapters: readonly string[]) => void;
  readonly #heldElsewhere: (adapter: string) => HeldBy | undefined;

  /**
   * @param onReceivers called with the adapters that receive events from now on, whenever that changes
   * @param heldElsewhere what holds the deliveries of an adapter that has no lane here
   */
  constructor(
    lanes: readonly Lane[],
    onReceivers: (adapters: readonly string[]) => void = () => undefined,
    // Nobody will attempt them: their adapter was taken out of the configuration.
    heldElsewhere: (adapter: string) => HeldBy | undefined = () => 'not_ready',
  ) {
    this.#onReceivers = onReceivers;
    this.#heldElsewhere = heldElsewhere;
    this.#replace(lanes);
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.#lanes.values();
  }

  /** The lane of an adapter; undefined when it has none. */
  get(adapterId: string): Lane | undefined {
    return this.#lanes.get(adapterId);
  }

  /** The adapters that receive events now, in alphabetical order. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Its adapter receives events from now on, unless it was said not to. */
  add(lane: Lane): void {
    this.#replace([...this, lane]);
  }

  /** An adapter receives no new events from now on, or does so again. What it has is still delivered. */
  setReceiving(id: string, isReceiving: boolean): void {
    if (isReceiving) this.#notReceiving.delete(id);
    else this.#notReceiving.add(id);
    this.#replace([...this]);
  }

  /** Removes a lane; nothing is reported to it any longer. */
  remove(id: string): void {
    this.#notReceiving.delete(id);
    this.#replace([...this].filter(({ adapter }) => adapter.id !== id));
  }

  /** Starts every lane; resolves when each adapter is ready or has failed. */
  async start(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.start()));
  }

  /** A commit is on disk. What is of adapters that have no lane is ignored. */
  committed({ records, reopened, lanes }: Commit): void {
    const commits = new Map<string, { recorded: number[]; reopenedBefore: number[]; news: LaneNews | undefined }>();
    const commitOf = (adapter: string) => {
      let commit = commits.get(adapter);
      if (commit === undefined) {
        commit = { recorded: [], reopenedBefore: [], news: lanes.get(adapter) };
        commits.set(adapter, commit);
      }
      return commit;
    };
    for (const { adapter, seq } of records) commitOf(adapter).recorded.push(seq);
    for (const { adapter, behindSeq } of reopened) {
      if (behindSeq !== undefined) commitOf(adapter).reopenedBefore.push(behindSeq);
    }
    for (const adapter of lanes.keys()) commitOf(adapter);
    for (const [adapter, commit] of commits) this.#lanes.get(adapter)?.committed(commit);
  }

  /** What keeps the delivery of an event that is not settled from being attempted; undefined when nothing does. */
  heldBy(adapter: string, event: { readonly seq: number; readonly key: string }): HeldBy | undefined {
    const lane = this.#lanes.get(adapter);
    return lane === undefined ? this.#heldElsewhere(adapter) : lane.heldBy(event);
  }

  /** Whether a dead letter of the adapter holds the later deliveries of its key. */
  holdsKeys(adapter: string): boolean {
    return this.#lanes.get(adapter)?.holdsKeys ?? false;
  }

  /** Begins nothing new; resolves when all that runs has ended and is recorded, or after the time. */
  async drain(withinMs: number): Promise<void> {
    await Promise.all([...this].map((lane) => lane.drain(withinMs)));
  }

  async close(): Promise<void> {
    await Promise.all([...this].map((lane) => lane.close()));
  }

  /** Swapped as a whole, so that iteration sees a consistent snapshot. */
  #replace(lanes: readonly Lane[]): void {
    const sorted = lanes.toSorted((a, b) => (a.adapter.id < b.adapter.id ? -1 : 1));
    this.#lanes = new Map(sorted.map((lane) => [lane.adapter.id, lane]));
    this.#ids = [...this.#lanes.keys()].filter((id) => !this.#notReceiving.has(id));
    this.#onReceivers(this.#ids);
  }
}
