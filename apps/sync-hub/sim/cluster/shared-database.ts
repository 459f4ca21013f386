import type { HubRow, LaneRow, OwnershipRequest, PulseAnswer } from '../../src/core/ownership-messages.ts';
import { patienceMs } from '../../src/core/ownership-state.ts';
import type { LanePlan } from './cluster-plan.ts';

type ClaimRequest = Extract<OwnershipRequest, { kind: 'claim' }>;

interface Snapshot {
  readonly hubs: ReadonlyMap<string, HubRow>;
  readonly lanes: ReadonlyMap<string, LaneRow>;
  readonly settledTimeline: number;
}

/** More than a failover ever loses. */
const COMMITS_KEPT = 40;

/** The rows that the hubs share, as plainly as can be: each method is one transaction, and one follows the other. */
export class SharedDatabase {
  hubs = new Map<string, HubRow>();
  lanes: Map<string, LaneRow>;
  timeline = 1;
  settledTimeline = 1;
  readonly #commits: Snapshot[] = [];

  constructor(lanes: readonly Pick<LaneRow, 'adapter' | 'patienceMs'>[]) {
    this.lanes = new Map(lanes.map((lane) => [lane.adapter, { ...lane, owner: undefined, epoch: 0 }]));
  }

  join(row: HubRow): void {
    this.#keep();
    this.hubs.set(row.id, row);
  }

  /** The hub ended, or is taken for dead. */
  remove(hub: string): void {
    this.#keep();
    this.hubs.delete(hub);
  }

  pulse(hub: string, { beat, isStopping }: { beat: boolean; isStopping: boolean }): PulseAnswer | 'hub_unknown' {
    const row = this.hubs.get(hub);
    if (row === undefined) return 'hub_unknown';
    if (beat) {
      this.#keep();
      this.hubs.set(hub, { ...row, beat: row.beat + 1, ...(isStopping && { canRun: new Set() }) });
    }
    const { timeline, settledTimeline } = this;
    return { hubs: [...this.hubs.values()], lanes: [...this.lanes.values()], timeline, settledTimeline };
  }

  claim(hub: string, { adapter, epoch, seenOwner, seenEpoch, seenBeat, seenTimeline }: ClaimRequest): boolean {
    const lane = this.lanes.get(adapter);
    if (lane === undefined || lane.owner !== seenOwner || lane.epoch !== seenEpoch) return false;
    if (seenOwner !== undefined && !this.hasBeat(seenOwner, seenBeat)) return false;
    if (seenTimeline !== this.timeline || !this.hubs.has(hub)) return false;
    this.#keep();
    this.lanes.set(adapter, { ...lane, owner: hub, epoch });
    return true;
  }

  hasBeat(hub: string, beat: number | undefined): boolean {
    return this.hubs.get(hub)?.beat === beat;
  }

  release(hub: string, adapter: string, epoch: number): void {
    const lane = this.lanes.get(adapter);
    if (lane === undefined || !this.isOwner(hub, adapter, epoch)) return;
    this.#keep();
    this.lanes.set(adapter, { ...lane, owner: undefined });
  }

  settle(timeline: number): void {
    if (timeline !== this.timeline) return;
    this.#keep();
    this.settledTimeline = timeline;
  }

  /** The fence of each write of an owner. */
  isOwner(hub: string, adapter: string, epoch: number): boolean {
    const lane = this.lanes.get(adapter);
    return lane?.owner === hub && lane.epoch === epoch;
  }

  /** A standby that had not yet heard of the last commits takes over. */
  failOver(lostCommits: number): void {
    const snapshot = this.#commits.at(-lostCommits);
    if (lostCommits > 0 && snapshot !== undefined) {
      this.hubs = new Map(snapshot.hubs);
      this.lanes = new Map(snapshot.lanes);
      this.settledTimeline = snapshot.settledTimeline;
    }
    this.#commits.length = 0;
    this.timeline += 1;
  }

  #keep(): void {
    const { hubs, lanes, settledTimeline } = this;
    this.#commits.push({ hubs: new Map(hubs), lanes: new Map(lanes), settledTimeline });
    if (this.#commits.length > COMMITS_KEPT) this.#commits.shift();
  }
}

/** The rows of lanes, with how patient others are. */
export function patientLanes(lanes: readonly LanePlan[]): Pick<LaneRow, 'adapter' | 'patienceMs'>[] {
  return lanes.map(({ adapter, attemptTimeoutMs }) => ({ adapter, patienceMs: patienceMs(attemptTimeoutMs) }));
}
