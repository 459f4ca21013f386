import { create, equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import { timestampFromMs, timestampMs } from '@bufbuild/protobuf/wkt';
import {
  type AdapterHealth,
  AdapterHealthSchema,
  AdapterOwnerSchema,
  AdapterState,
  BreakerState,
  type ClusterHub,
  ClusterHubSchema,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import type { HeldBy } from '../../core/lane-messages.ts';
import type { LaneOwnership } from '../../core/ownership-state.ts';
import type { Hubs } from '../../journal/cluster-journal.ts';

export interface ClusterHealthOptions {
  readonly hubs: Pick<Hubs, 'id' | 'known' | 'saveHealth' | 'readHealth'>;
  /** Of this hub. */
  readonly name: string;
  /** Who owns each lane, as far as this hub knows. */
  readonly ownerships: readonly LaneOwnership[];
  /** The adapters of this hub's configuration. */
  readonly configured: readonly ConfiguredAdapter[];
}

export interface ConfiguredAdapter {
  readonly id: string;
  readonly package: string;
  readonly runtime: string;
  /** Why this hub cannot run it; undefined when it can. */
  readonly fault: string | undefined;
}

/** What did not change is saved again after this time: a failover of the database may have lost it. */
const SAVE_EVERY_MS = 5_000;

/** The health of adapters that other hubs run: each hub saves that of its own in the journal, and reads the others'. */
export class ClusterHealth {
  readonly #options: ClusterHealthOptions;
  readonly #onGateChange: (adapter: string) => void;
  #saved: ReadonlyMap<string, AdapterHealth> = new Map();
  #held: ReadonlyMap<string, HeldBy | undefined> = new Map();
  #own: readonly AdapterHealth[] = [];
  #ownSaved: readonly AdapterHealth[] = [];
  #savedAtMs = Number.NEGATIVE_INFINITY;
  #isSaving = false;

  /** @param onGateChange called when what holds the deliveries of an adapter that another hub runs may have changed */
  constructor(options: ClusterHealthOptions, onGateChange: (adapter: string) => void = () => undefined) {
    this.#options = options;
    this.#onGateChange = onGateChange;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Reads what the other hubs saved. When the database does not answer, what was read before stays. */
  async read(): Promise<void> {
    const saved = await this.#options.hubs.readHealth().catch(() => undefined);
    const healths = saved?.map(({ adapter, health }) => [adapter, fromBinary(AdapterHealthSchema, health)] as const);
    this.#saved = healths === undefined ? this.#saved : new Map(healths);
    const before = this.#held;
    this.#held = new Map(this.#ids(this.#ownershipById()).map((id) => [id, this.heldBy(id)]));
    for (const [id, held] of this.#held) if (held !== before.get(id)) this.#onGateChange(id);
  }

  /** What holds the deliveries of an adapter that does not run here, as its hub last reported; undefined when nothing does. */
  heldBy(adapter: string): HeldBy | undefined {
    const ownership = this.#options.ownerships.find((lane) => lane.adapter === adapter);
    return heldBy(this.#elsewhere(adapter, ownership));
  }

  /** Saves the health of the adapters that run here, if it changed or was saved long ago. One call at a time. */
  save(own: readonly AdapterHealth[]): void {
    this.#own = this.#withOwners(own);
    if (!this.#isSaving) void this.#save();
  }

  /** The adapters of all hubs, in alphabetical order. @param own those that run here */
  adapters(own: readonly AdapterHealth[]): readonly AdapterHealth[] {
    const here = new Map(this.#withOwners(own).map((health) => [health.id, health]));
    const ownerships = this.#ownershipById();
    return this.#ids(ownerships).map((id) => here.get(id) ?? this.#elsewhere(id, ownerships.get(id)));
  }

  /** One for each data folder. */
  hubs(): readonly ClusterHub[] {
    const ownerships = this.#options.ownerships;
    const newest = Map.groupBy(this.#options.hubs.known, ({ name }) => name);
    return [...newest]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, processes]) =>
        processes
          .sort((a, b) => b.beatAtMs - a.beatAtMs)
          .slice(0, 1)
          .map(({ version, beatAtMs }) =>
            create(ClusterHubSchema, {
              name,
              version,
              lastBeatTime: timestampFromMs(Math.round(beatAtMs)),
              adapters: ownerships
                .flatMap((lane) => (lane.kind === 'owned' && lane.owner === name ? [lane.adapter] : []))
                .sort(),
            }),
          ),
      );
  }

  #ownershipById(): ReadonlyMap<string, LaneOwnership> {
    return new Map(this.#options.ownerships.map((ownership) => [ownership.adapter, ownership]));
  }

  /** A lane that nobody has and nobody could is that of an adapter which was removed. */
  #ids(ownerships: ReadonlyMap<string, LaneOwnership>): readonly string[] {
    const { configured, hubs } = this.#options;
    const owned = [...ownerships.values()].filter(({ kind }) => kind === 'owned');
    const ids = [
      ...configured.map(({ id }) => id),
      ...owned.map(({ adapter }) => adapter),
      ...hubs.known.flatMap(({ canRun }) => canRun),
    ];
    return [...new Set(ids)].sort();
  }

  #withOwners(own: readonly AdapterHealth[]): readonly AdapterHealth[] {
    const ownerships = this.#ownershipById();
    return own.map((health) => {
      const ownership = ownerships.get(health.id);
      return ownership?.kind === 'owned'
        ? create(AdapterHealthSchema, { ...health, owner: ownerOf(ownership) })
        : health;
    });
  }

  #elsewhere(id: string, ownership: LaneOwnership | undefined): AdapterHealth {
    const saved = this.#saved.get(id);
    if (ownership?.kind === 'owned' && saved?.owner?.epoch === BigInt(ownership.epoch)) return saved;
    const configured = this.#options.configured.find((adapter) => adapter.id === id);
    const isAble = ownership?.kind !== 'no_owner' || ownership.takenOverByMs !== undefined;
    return create(AdapterHealthSchema, {
      id,
      package: configured?.package ?? saved?.package ?? '',
      version: saved?.version ?? '',
      runtime: configured?.runtime ?? saved?.runtime ?? '',
      state: isAble ? AdapterState.STARTING : AdapterState.FAILED,
      reason: whyNotSeen(ownership, configured?.fault),
      ...(ownership?.kind === 'owned' && { owner: ownerOf(ownership) }),
    });
  }

  async #save(): Promise<void> {
    this.#isSaving = true;
    for (;;) {
      const own = this.#own;
      const isDue = performance.now() - this.#savedAtMs >= SAVE_EVERY_MS;
      if (own.length === 0 || !(isDue || !isSame(own, this.#ownSaved))) break;
      const healths = own.map((health) => ({ adapter: health.id, health: toBinary(AdapterHealthSchema, health) }));
      try {
        await this.#options.hubs.saveHealth(healths);
      } catch {
        // The next call tries again.
        break;
      }
      this.#ownSaved = own;
      this.#savedAtMs = performance.now();
    }
    this.#isSaving = false;
  }
}

function isSame(a: readonly AdapterHealth[], b: readonly AdapterHealth[]): boolean {
  return a.length === b.length && a.every((one, index) => equals(AdapterHealthSchema, one, b[index] ?? one));
}

function heldBy({ state, breaker, throttledUntilTime }: AdapterHealth): HeldBy | undefined {
  if (state === AdapterState.PAUSED) return 'paused';
  if (state !== AdapterState.READY) return 'not_ready';
  if (breaker !== undefined && breaker.state !== BreakerState.CLOSED) return 'breaker';
  return throttledUntilTime !== undefined && timestampMs(throttledUntilTime) > Date.now() ? 'throttled' : undefined;
}

function ownerOf({ owner, epoch, sinceMs }: Extract<LaneOwnership, { kind: 'owned' }>) {
  return create(AdapterOwnerSchema, { hub: owner, epoch: BigInt(epoch), since: timestampFromMs(Math.round(sinceMs)) });
}

/** @param fault why this hub cannot run it */
function whyNotSeen(ownership: LaneOwnership | undefined, fault: string | undefined): string {
  if (ownership === undefined) return 'this hub has not yet read which hub runs it';
  if (ownership.kind === 'owned') return `${ownership.owner} took it over just now, and has not yet reported its state`;
  const isHopeless = ownership.takenOverByMs === undefined && fault !== undefined;
  return `${whyNoOwner(ownership)}${isHopeless ? `, this one because: ${fault}` : ''}`;
}

/** Since when a lane has no owner, and until when. */
export function whyNoOwner({ sinceMs, takenOverByMs }: Extract<LaneOwnership, { kind: 'no_owner' }>): string {
  const since = `no owner since ${timeOfDay(sinceMs)}`;
  if (takenOverByMs === undefined) return `${since}: no hub that lives can run it`;
  return `${since}, taken over by ${timeOfDay(takenOverByMs)} at the latest`;
}

function timeOfDay(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}
