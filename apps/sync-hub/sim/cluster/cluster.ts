import type { OwnershipEffect, OwnershipInput, OwnershipRequest } from '../../src/core/ownership-messages.ts';
import { Rng } from '../rng.ts';
import { Trace } from '../trace.ts';
import { type ClusterPlan, planCluster } from './cluster-plan.ts';
import { EventQueue } from './event-queue.ts';
import { type HubProcess, Machine, type Untimed } from './machine.ts';
import { OwnershipOracle } from './ownership-oracle.ts';
import { patientLanes, SharedDatabase } from './shared-database.ts';

const START_WALL_MS = 1_790_000_000_000;
/** An operating system that is busy wakes a process this much late. */
const LATE_TIMER_MS = 40;
/** From the end of a process until a supervisor has started it again, and its adapters have ended. */
const RESTART_MS = 2_000;
/** Lanes drain in less than this. */
export const DRAIN_MS = 800;

/** Several hubs with the real `step`, the database that they share, and what lies between. */
export class Cluster {
  readonly plan: ClusterPlan;
  readonly rng: Rng;
  readonly trace: Trace;
  readonly queue = new EventQueue();
  readonly database: SharedDatabase;
  readonly machines: readonly Machine[];
  readonly oracle: OwnershipOracle;
  /** The database accepts no connection, or does not answer, until then. */
  downUntilMs = 0;
  hangsUntilMs = 0;
  isHealed = false;
  #started = 0;

  constructor(seed: number, print?: (line: string) => void) {
    this.trace = new Trace(print);
    this.rng = new Rng(seed);
    this.plan = planCluster(this.rng);
    this.database = new SharedDatabase(patientLanes(this.plan.lanes));
    this.machines = this.plan.machines.map((plan) => {
      const startMs = {
        monotonicMs: this.rng.between(0, 1_000_000),
        wallMs: START_WALL_MS + this.rng.between(0, 9_999),
      };
      const machine: Machine = new Machine(plan, startMs, (process, effects) =>
        this.#perform(machine, process, effects),
      );
      return machine;
    });
    this.oracle = new OwnershipOracle(this);
    for (const machine of this.machines) this.start(machine, this.rng.between(0, 3_000));
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  get steps(): number {
    return this.machines.reduce((sum, { steps }) => sum + steps, 0);
  }

  note(machine: Machine, what: () => string): void {
    const { plan, process } = machine;
    this.trace.note(() => `${(this.nowMs / 1_000).toFixed(3)} ${process?.id ?? plan.name}: ${what()}`);
  }

  /** Starts a process there; it tries to join until the database answers. */
  start(machine: Machine, inMs = 0): void {
    this.queue.after(inMs, () => {
      if (machine.process !== undefined) return;
      if (machine.isCut || this.isDown || machine.isStill(this.nowMs)) {
        this.start(machine, 500);
        return;
      }
      const { name, canRun } = machine.plan;
      this.#started += 1;
      const id = `${name}/${this.#started}`;
      this.database.join({ id, name, beat: 0, canRun });
      // The answer of a join can be lost too: its row stays, and it joins again.
      if (this.rng.chance(this.#lostAnswers)) {
        this.oracle.fault(0);
        this.start(machine, 500);
      } else this.#startAs(machine, id);
    });
  }

  get isDown(): boolean {
    return this.nowMs < Math.max(this.downUntilMs, this.hangsUntilMs);
  }

  /** kill -9, and up again unless it stays down. */
  kill(machine: Machine, restartInMs: number): void {
    this.oracle.fault(RESTART_MS);
    this.#end(machine);
    if (Number.isFinite(restartInMs)) this.start(machine, RESTART_MS + restartInMs);
  }

  stop(machine: Machine, restartInMs: number): void {
    const { process } = machine;
    if (process === undefined || process.state.isStopping) return;
    this.trace.meet('planned stop');
    this.oracle.stops();
    this.step(machine, process, { kind: 'stop' });
    if (Number.isFinite(restartInMs)) this.start(machine, restartInMs);
    // A supervisor does not wait for ever.
    this.queue.after(30_000, () => {
      if (machine.process === process) this.kill(machine, restartInMs);
    });
  }

  /** The process does nothing for this long, and then everything that waited. */
  freeze(machine: Machine, forMs: number, isSuspended: boolean): void {
    if (machine.isStill(this.nowMs) || (isSuspended && !machine.canSuspend(this.nowMs))) return;
    this.oracle.fault(forMs);
    if (isSuspended) machine.suspend();
    machine.stillUntilMs = this.nowMs + forMs;
    this.queue.after(forMs, () => {
      if (isSuspended) machine.resume(forMs);
      this.oracle.wakes(machine, forMs);
      // A timer of a lane may be the first to fire.
      if (machine.process !== undefined && this.rng.chance(0.5)) this.#attempt(machine, machine.process);
      for (const happen of machine.waiting.splice(0)) happen();
    });
  }

  cut(machine: Machine, forMs: number): void {
    this.oracle.fault(forMs);
    machine.isCut = true;
    this.queue.after(forMs, () => {
      machine.isCut = false;
    });
  }

  /** @param isNoticed the hub hears of it at once */
  breakConnection(machine: Machine, isNoticed: boolean): void {
    this.oracle.fault(2_500);
    machine.isConnected = false;
    const { process } = machine;
    if (process === undefined || !isNoticed) return;
    for (const number of process.state.requests.keys()) {
      this.queue.after(this.#latencyMs(), () => this.step(machine, process, { kind: 'request_ended', number }));
    }
  }

  takeDown(forMs: number): void {
    this.oracle.fault(forMs);
    this.downUntilMs = Math.max(this.downUntilMs, this.nowMs + forMs);
    for (const machine of this.machines) this.breakConnection(machine, this.rng.chance(0.7));
  }

  /** Its locks are held by something, or its disk does not answer. */
  hang(forMs: number): void {
    this.oracle.fault(forMs);
    this.hangsUntilMs = Math.max(this.hangsUntilMs, this.nowMs + forMs);
  }

  failOver(lostCommits: number, downForMs: number): void {
    this.trace.note(() => `${(this.nowMs / 1_000).toFixed(3)} failover loses ${lostCommits} commits`);
    this.database.failOver(lostCommits);
    this.hangsUntilMs = 0;
    this.takeDown(downForMs);
  }

  forget(hub: string): void {
    this.oracle.fault(3_000);
    this.database.remove(hub);
  }

  step(machine: Machine, process: HubProcess, input: Untimed<OwnershipInput>): void {
    if (machine.process !== process) return;
    if (machine.isStill(this.nowMs)) {
      machine.waiting.push(() => this.step(machine, process, input));
      return;
    }
    if (input.kind !== 'time_passed') this.note(machine, () => describeInput(input));
    machine.step(input, this.nowMs);
    this.#wakeLater(machine, process);
  }

  #startAs(machine: Machine, id: string): void {
    machine.isConnected = false;
    machine.start(id, this.nowMs);
    const { process } = machine;
    if (process === undefined) return;
    this.trace.meet('process started');
    this.oracle.starts(machine, process);
    this.#wakeLater(machine, process);
    this.#attemptLater(machine, process);
  }

  #end(machine: Machine): void {
    if (machine.process === undefined) return;
    this.note(machine, () => 'ends');
    this.oracle.ends(machine.process);
    machine.process = undefined;
    machine.waiting.length = 0;
  }

  #wakeLater(machine: Machine, process: HubProcess): void {
    const number = machine.steps;
    const lateMs = this.rng.between(0, LATE_TIMER_MS);
    this.queue.after(machine.wakesInMs(this.nowMs) + lateMs, () => {
      if (machine.steps === number) this.step(machine, process, { kind: 'time_passed' });
    });
  }

  #attemptLater(machine: Machine, process: HubProcess): void {
    this.queue.after(this.rng.between(20, 500), () => {
      if (machine.process !== process) return;
      this.#attempt(machine, process);
      this.#attemptLater(machine, process);
    });
  }

  #attempt(machine: Machine, process: HubProcess): void {
    for (const [adapter, { epoch }] of process.lanes) {
      if (!machine.mayBegin(adapter, this.nowMs)) continue;
      const timeoutMs = this.plan.lanes.find((lane) => lane.adapter === adapter)?.attemptTimeoutMs ?? 0;
      // Most hang until their deadline, which is the worst case.
      const takesMs = machine.trueMs(this.rng.chance(0.7) ? timeoutMs : this.rng.between(0, timeoutMs));
      this.oracle.begins(process, adapter, takesMs);
      this.queue.after(takesMs, () => this.#write(machine, process, adapter, epoch));
    }
  }

  /** The outcome of an attempt goes to the database, whoever owns the lane by now. */
  #write(machine: Machine, process: HubProcess, adapter: string, epoch: number): void {
    if (machine.process !== process || machine.isCut || this.isDown) return;
    this.queue.after(this.#latencyMs(), () => {
      const isWritten = this.database.isOwner(process.id, adapter, epoch);
      this.oracle.writes(process, adapter, epoch, isWritten);
      if (isWritten || this.rng.chance(this.#lostAnswers)) return;
      this.trace.meet('lane lost by a write');
      this.queue.after(this.#latencyMs(), () => this.step(machine, process, { kind: 'lane_lost', adapter, epoch }));
    });
  }

  #perform(machine: Machine, process: HubProcess, effects: readonly OwnershipEffect[]): void {
    for (const effect of effects) {
      if (effect.kind !== 'pulse') this.note(machine, () => describeEffect(effect));
      this.#performOne(machine, process, effect);
    }
  }

  #performOne(machine: Machine, process: HubProcess, effect: OwnershipEffect): void {
    this.trace.meet(effect.kind);
    switch (effect.kind) {
      case 'pulse':
      case 'claim':
      case 'release':
      case 'settle':
        this.#send(machine, process, effect);
        break;
      case 'reconnect':
        machine.isConnected = false;
        break;
      case 'hold':
      case 'resume':
        break;
      case 'open':
        this.oracle.opens(machine, process, effect.adapter, effect.epoch);
        process.lanes.set(effect.adapter, { epoch: effect.epoch, isDraining: false });
        break;
      case 'drain': {
        const lane = process.lanes.get(effect.adapter);
        if (lane !== undefined) this.#drain(machine, process, effect.adapter, lane);
        break;
      }
      case 'close':
        this.oracle.closes(process, effect.adapter);
        process.lanes.delete(effect.adapter);
        break;
      case 'rejoin':
        this.#end(machine);
        this.start(machine, RESTART_MS);
        break;
      case 'stopped':
        this.trace.must(process.lanes.size === 0, 'a hub that stopped runs no lane');
        this.database.remove(process.id);
        this.#end(machine);
        break;
      default:
        effect satisfies never;
    }
  }

  #drain(
    machine: Machine,
    process: HubProcess,
    adapter: string,
    lane: { readonly epoch: number; isDraining: boolean },
  ): void {
    lane.isDraining = true;
    this.queue.after(this.rng.between(0, DRAIN_MS), () => {
      if (machine.process !== process || process.lanes.get(adapter) !== lane) return;
      process.lanes.delete(adapter);
      this.oracle.drained(machine, process, adapter, lane.epoch);
      this.step(machine, process, { kind: 'drained', adapter, epoch: lane.epoch });
    });
  }

  /** A request goes to the database and its answer comes back, if nothing happens to them. */
  #send(machine: Machine, process: HubProcess, request: OwnershipRequest): void {
    if (!machine.isConnected) {
      machine.isConnected = true;
      machine.session += 1;
      machine.unbrokenSinceMs = this.nowMs;
    }
    if (request.kind === 'claim') this.oracle.decides(machine, process.id, request);
    const { session } = machine;
    const { rng } = this;
    const fail = () => {
      if (machine.session === session) this.breakConnection(machine, true);
    };
    if (machine.isCut || this.nowMs < this.downUntilMs) {
      // Refused, or no answer at all; and what was on its way may arrive when the way is open again.
      if (rng.chance(0.5)) this.queue.after(this.#latencyMs(), fail);
      if (machine.isCut && rng.chance(0.3)) this.#arriveLate(machine, process, request);
      return;
    }
    const lockedMs = request.kind === 'claim' ? this.#lockedMs() : 0;
    this.queue.after(this.#latencyMs() + this.#lateMs() + lockedMs, () => {
      if (rng.chance(this.#lostRequests)) {
        fail();
        return;
      }
      this.#commit(machine, process, request, (answer) => {
        if (machine.session !== session) return;
        if (rng.chance(this.#lostAnswers)) {
          this.trace.meet(`lost answer of a ${request.kind}`);
          this.breakConnection(machine, rng.chance(0.5));
          return;
        }
        if (machine.isCut) return;
        this.queue.after(this.#latencyMs() + this.#lateMs() + machine.answersLateMs, () => {
          if (machine.session === session && machine.isConnected) this.step(machine, process, answer);
        });
      });
    });
  }

  /** In a queue of the network until the hub is connected again. */
  #arriveLate(machine: Machine, process: HubProcess, request: OwnershipRequest): void {
    if (machine.isCut) this.queue.after(200, () => this.#arriveLate(machine, process, request));
    else {
      this.oracle.fault(0);
      this.#commit(machine, process, request, () => this.trace.meet(`a ${request.kind} that arrived late`));
    }
  }

  #commit(
    machine: Machine,
    process: HubProcess,
    request: OwnershipRequest,
    answer: (input: Untimed<OwnershipInput>) => void,
  ): void {
    if (this.nowMs < this.hangsUntilMs) {
      this.queue.after(this.hangsUntilMs - this.nowMs, () => this.#commit(machine, process, request, answer));
      return;
    }
    if (this.nowMs < this.downUntilMs) return;
    const isRepeated = this.rng.chance(this.isHealed ? 0 : this.plan.repeatedRequests);
    if (isRepeated) this.#execute(machine, process, request);
    answer(this.#execute(machine, process, request));
  }

  #execute(machine: Machine, { id }: HubProcess, request: OwnershipRequest): Untimed<OwnershipInput> {
    const { database } = this;
    const { number, kind } = request;
    switch (kind) {
      case 'pulse':
        if (request.beat && database.hubs.has(id)) this.oracle.beats(id);
        return { kind: 'pulse_answered', number, session: machine.session, answer: database.pulse(id, request) };
      case 'claim': {
        const isTaken = database.claim(id, request);
        if (isTaken) this.oracle.claims(machine, id, request);
        return { kind: 'claim_answered', number, isTaken };
      }
      case 'release':
        database.release(id, request.adapter, request.epoch);
        return { kind: 'request_ended', number };
      case 'settle':
        database.settle(request.timeline);
        return { kind: 'request_ended', number };
      default:
        return kind satisfies never;
    }
  }

  /** Up to more than a hub waits for an answer. */
  #lateMs(): number {
    if (!this.rng.chance(this.isHealed ? 0 : this.plan.late)) return 0;
    const lateMs = this.rng.between(0, 2_500);
    this.oracle.fault(lateMs);
    return lateMs;
  }

  /** A claim waits for somebody else's lock. */
  #lockedMs(): number {
    if (!this.rng.chance(this.isHealed ? 0 : this.plan.lateClaims)) return 0;
    const lockedMs = this.rng.between(0, 1_900);
    this.oracle.fault(lockedMs);
    return lockedMs;
  }

  #latencyMs(): number {
    return this.rng.between(1, this.rng.chance(0.05) ? 60 : 10);
  }

  get #lostAnswers(): number {
    return this.isHealed ? 0 : this.plan.lostAnswers;
  }

  get #lostRequests(): number {
    return this.isHealed ? 0 : this.plan.lostRequests;
  }
}

function describeInput(input: Untimed<OwnershipInput>): string {
  if (input.kind === 'pulse_answered') return `pulse ${input.number} answered`;
  return JSON.stringify(input);
}

function describeEffect(effect: OwnershipEffect): string {
  return JSON.stringify(effect);
}
