import type { OwnershipRequest } from '../../src/core/ownership-messages.ts';
import { laneOwnerships } from '../../src/core/ownership-state.ts';
import type { Trace } from '../trace.ts';
import type { ClusterPlan } from './cluster-plan.ts';
import type { EventQueue } from './event-queue.ts';
import type { HubProcess, Machine } from './machine.ts';
import type { SharedDatabase } from './shared-database.ts';

type ClaimRequest = Extract<OwnershipRequest, { kind: 'claim' }>;

/** The slowest and the fastest clock. */
const SLOWEST = 0.97;
const FASTEST = 1.03;
/** A lane has an owner again this long after its patience. */
const TAKEOVER_MS = 3_000;
/** A lane of a hub that stops has another owner this soon. */
const MOVE_MS = 2_000;
/** After a fault a hub that is gone may be taken for a live one, to which lanes are assigned, for this long. */
const SETTLED_MS = 10_000;
/** Once a fault is over, a hub waits for an answer that was lost at the most this long, and connects again. */
const NOTICED_MS = 2_500;
/** A process that stood still for less than this may go on with its view of the database. */
const GAP_MS = 2_900;

/** How long others wait for the owner of a lane; said here once more, so that a wrong rule is noticed. */
export function waitsMs(attemptTimeoutMs: number): number {
  return Math.max(attemptTimeoutMs + 8_000, (attemptTimeoutMs + 6_000) * 1.125);
}

/** What is true of a cluster, which no hub knows. */
interface ClusterFacts {
  readonly plan: ClusterPlan;
  readonly trace: Trace;
  readonly queue: EventQueue;
  readonly database: SharedDatabase;
  readonly machines: readonly Machine[];
  readonly nowMs: number;
}

/** Knows the true time and checks what hubs do against it. */
export class OwnershipOracle {
  readonly #cluster: ClusterFacts;
  /** By adapter and process: until when its attempts run at the most. */
  readonly #busyUntilMs = new Map<string, Map<string, number>>();
  readonly #opened = new Set<string>();
  /** When a hub last could begin attempts of it. */
  readonly #servedAtMs = new Map<string, number>();
  /** By process: when its beat last changed. */
  readonly #beatAtMs = new Map<string, number>();
  readonly #gaveBackAtMs = new Map<string, number>();
  /** When a fault last began, and when a hub was last asked to stop. */
  #faultAtMs = 0;
  #stoppedAtMs = 0;
  /** The last end of a fault. */
  faultEndedAtMs = 0;
  /** Lanes that moved without need. */
  moves = 0;

  constructor(cluster: ClusterFacts) {
    this.#cluster = cluster;
  }

  /** Nothing of this counts before it is over. */
  fault(forMs: number): void {
    this.#faultAtMs = this.#cluster.nowMs;
    this.faultEndedAtMs = Math.max(this.faultEndedAtMs, this.#cluster.nowMs + forMs + NOTICED_MS);
  }

  begins({ id }: HubProcess, adapter: string, takesMs: number): void {
    const { nowMs, trace } = this.#cluster;
    const lane = this.#busyUntilMs.get(adapter) ?? new Map<string, number>();
    this.#busyUntilMs.set(adapter, lane);
    for (const [other, untilMs] of lane) {
      if (other === id) continue;
      trace.must(untilMs <= nowMs, `${id} begins an attempt of ${adapter} while one of ${other} may run`);
      if (untilMs <= nowMs) lane.delete(other);
    }
    lane.set(id, Math.max(lane.get(id) ?? 0, nowMs + takesMs));
    this.#servedAtMs.set(adapter, nowMs);
  }

  /** Its attempts have ended. */
  closes({ id }: HubProcess, adapter: string): void {
    this.#busyUntilMs.get(adapter)?.delete(id);
  }

  ends(process: HubProcess): void {
    for (const lane of this.#busyUntilMs.values()) lane.delete(process.id);
  }

  opens(machine: Machine, { id }: HubProcess, adapter: string, epoch: number): void {
    const tenure = `${adapter} ${id} ${epoch}`;
    const { trace } = this.#cluster;
    trace.must(!this.#opened.has(tenure), `an owner has an epoch of ${adapter} once: ${id}, ${epoch}`);
    this.#opened.add(tenure);
    trace.must(machine.plan.canRun.has(adapter), `${id} can run ${adapter}`);
  }

  writes({ id }: HubProcess, adapter: string, epoch: number, isWritten: boolean): void {
    const lane = this.#cluster.database.lanes.get(adapter);
    const isOwner = lane?.owner === id && lane.epoch === epoch;
    this.#cluster.trace.must(
      isWritten === isOwner,
      `a write of ${adapter} by ${id} is done exactly if it is the owner`,
    );
  }

  /** A hub decided to claim a lane. */
  decides(machine: Machine, id: string, request: ClaimRequest): void {
    if (!isTakeover(machine, id, request)) return;
    const { trace, nowMs } = this.#cluster;
    const watchedMs = (nowMs - machine.unbrokenSinceMs) * FASTEST;
    const { adapter } = request;
    const isLong = watchedMs >= this.#waitsMs(adapter);
    trace.must(isLong, `${id} watches the owner of ${adapter} without a break before it takes it over`);
  }

  /** And the database agreed. */
  claims(machine: Machine, id: string, request: ClaimRequest): void {
    if (!isTakeover(machine, id, request)) return;
    const { trace, nowMs } = this.#cluster;
    trace.meet('takeover');
    const { adapter, seenOwner = '' } = request;
    const stillMs = (nowMs - (this.#beatAtMs.get(seenOwner) ?? 0)) * FASTEST;
    trace.must(
      stillMs >= this.#waitsMs(adapter),
      `${id} takes ${adapter} over from ${seenOwner}, whose beat stood still`,
    );
  }

  beats(id: string): void {
    this.#beatAtMs.set(id, this.#cluster.nowMs);
  }

  /** A hub that starts on the machine of an earlier one has its lanes soon. */
  starts(machine: Machine, process: HubProcess): void {
    const { queue, nowMs, trace, database } = this.#cluster;
    if (database.timeline !== database.settledTimeline || machine.answersLateMs > 0) return;
    const lanes = [...database.lanes.values()].filter(({ adapter, owner }) => {
      return (
        owner !== undefined && database.hubs.get(owner)?.name === machine.plan.name && machine.plan.canRun.has(adapter)
      );
    });
    queue.after(MOVE_MS / SLOWEST, () => {
      if (Math.max(this.#faultAtMs, this.#stoppedAtMs) >= nowMs || machine.process !== process) return;
      for (const { adapter, epoch } of lanes) {
        trace.meet('taken back');
        trace.must(this.#hasMoved(adapter, epoch), `${process.id} takes ${adapter} back from its earlier process`);
      }
    });
  }

  /** What an operator sees at any time: when a lane has an owner again. */
  checkOwnerships(): void {
    const { machines, nowMs, queue, trace } = this.#cluster;
    if (nowMs < this.faultEndedAtMs + 1_000) return;
    for (const machine of machines) {
      if (machine.isStill(nowMs) || machine.process === undefined || machine.process.state.isHolding) continue;
      const at = machine.moment(nowMs);
      for (const lane of laneOwnerships(machine.process.state, at)) {
        if (lane.kind === 'owned' || lane.takenOverByMs === undefined) continue;
        trace.meet('a lane without an owner was shown');
        queue.after((lane.takenOverByMs - at.wallMs) / SLOWEST, () => {
          if (Math.max(this.faultEndedAtMs, this.#stoppedAtMs) > nowMs) return;
          trace.meet('and had one in time');
          trace.must(
            this.#hasMoved(lane.adapter, lane.epoch),
            `${lane.adapter} had an owner by the time that was reported`,
          );
        });
      }
    }
  }

  wakes(machine: Machine, afterMs: number): void {
    if (afterMs > GAP_MS) machine.unbrokenSinceMs = this.#cluster.nowMs;
  }

  stops(): void {
    this.#stoppedAtMs = this.#cluster.nowMs;
  }

  /** A hub handed its lane over: another one has it soon. */
  drained(machine: Machine, process: HubProcess, adapter: string, epoch: number): void {
    this.closes(process, adapter);
    const { queue, nowMs, trace, database } = this.#cluster;
    if (!process.state.isStopping) this.#givesBack(process, adapter);
    // After a failover nobody claims for a while.
    if (database.timeline !== database.settledTimeline) return;
    if (nowMs < this.faultEndedAtMs + SETTLED_MS || machine.isStill(nowMs)) return;
    const others = this.#ableMachines(adapter, machine);
    if (others.length === 0) return;
    queue.after(MOVE_MS / SLOWEST, () => {
      if (
        Math.max(this.faultEndedAtMs, this.#stoppedAtMs) > nowMs ||
        !others.some((other) => this.#isAble(other, adapter))
      )
        return;
      trace.meet('handed over');
      trace.must(this.#hasMoved(adapter, epoch), `${adapter} moved within ${MOVE_MS} ms when ${process.id} let it go`);
    });
  }

  #givesBack({ id }: HubProcess, adapter: string): void {
    const { nowMs, trace } = this.#cluster;
    trace.meet('gave back');
    this.moves += 1;
    const beforeMs = this.#gaveBackAtMs.get(id);
    this.#gaveBackAtMs.set(id, nowMs);
    if (beforeMs === undefined || beforeMs < this.faultEndedAtMs) return;
    // Lanes drain for different times.
    trace.must(nowMs - beforeMs >= 58_000 / FASTEST, `${id} gives back one lane a minute, not ${adapter} too`);
  }

  /** Called often: each lane has an owner soon when there is somebody who can be it. */
  checkServed(): void {
    const { plan, nowMs, trace } = this.#cluster;
    for (const { adapter, attemptTimeoutMs } of plan.lanes) {
      if (this.#isServed(adapter) || this.#ableMachines(adapter).length === 0) {
        this.#servedAtMs.set(adapter, nowMs);
        continue;
      }
      const sinceMs = Math.max(this.#servedAtMs.get(adapter) ?? 0, this.faultEndedAtMs);
      const boundMs = waitsMs(attemptTimeoutMs) / SLOWEST + TAKEOVER_MS;
      trace.must(nowMs - sinceMs <= boundMs, `${adapter} has an owner again after its patience`);
    }
  }

  /** Nothing happened for a long time. */
  checkBalance(): void {
    const { plan, machines, trace, nowMs } = this.#cluster;
    trace.must(this.moves === 0, 'lanes stay where they are once they are spread evenly');
    const live = machines.filter(({ process }) => process !== undefined);
    if (live.some((machine) => machine.plan.canRun.size < plan.lanes.length)) return;
    const counts = live.map(({ process }) => process?.lanes.size ?? 0);
    trace.must(Math.max(...counts) - Math.min(...counts) <= 1, `lanes are spread evenly at ${nowMs}: ${counts}`);
  }

  /** It has or had an owner since; or the one that it had is there again. */
  #hasMoved(adapter: string, epoch: number): boolean {
    return (this.#cluster.database.lanes.get(adapter)?.epoch ?? 0) > epoch || this.#isServed(adapter);
  }

  #waitsMs(adapter: string): number {
    return waitsMs(this.#cluster.plan.lanes.find((lane) => lane.adapter === adapter)?.attemptTimeoutMs ?? 0);
  }

  #isServed(adapter: string): boolean {
    const { machines, nowMs } = this.#cluster;
    return machines.some((machine) => machine.mayBegin(adapter, nowMs));
  }

  #ableMachines(adapter: string, except?: Machine): Machine[] {
    return this.#cluster.machines.filter((machine) => machine !== except && this.#isAble(machine, adapter));
  }

  #isAble({ process, plan, stillUntilMs }: Machine, adapter: string): boolean {
    if (process === undefined || process.state.isStopping) return false;
    return plan.canRun.has(adapter) && stillUntilMs <= this.#cluster.nowMs;
  }
}

/** From another hub that had it, not from nobody or from an earlier process. */
function isTakeover(machine: Machine, id: string, { seenOwner }: ClaimRequest): boolean {
  return seenOwner !== undefined && seenOwner !== id && !seenOwner.startsWith(`${machine.plan.name}/`);
}
