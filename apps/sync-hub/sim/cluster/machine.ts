import { mayBegin, nextWakeMs, step } from '../../src/core/ownership.ts';
import type { Moment, OwnershipEffect, OwnershipInput } from '../../src/core/ownership-messages.ts';
import { createOwnership, type OwnershipState } from '../../src/core/ownership-state.ts';
import type { MachinePlan } from './cluster-plan.ts';

/** A process that runs looks at its clocks at least this often. */
const LOOKED_MS = 2_500;

/** Without the time, which is that of when the hub handles it. */
export type Untimed<Input> = Input extends OwnershipInput ? Omit<Input, 'at'> : never;

/** A process of a hub. */
export interface HubProcess {
  readonly id: string;
  readonly state: OwnershipState;
  /** The lanes that run here, by adapter. */
  readonly lanes: Map<string, { readonly epoch: number; isDraining: boolean }>;
}

/** One machine: its clocks, its connection to the database, and the process that runs there, if any. */
export class Machine {
  readonly plan: MachinePlan;
  process: HubProcess | undefined;
  /** The process stands still until then, in the simulation's time, and what happens to it waits. */
  stillUntilMs = 0;
  isSuspended = false;
  /** What waits, in the order in which it came. */
  readonly waiting: (() => void)[] = [];
  /** Nothing passes between it and the database. */
  isCut = false;
  /** How much longer than usual answers take. */
  answersLateMs = 0;
  /** Of its connection; each has another number. */
  session = 0;
  isConnected = false;
  /** Since when its view of the database has no gap, in the simulation's time. */
  unbrokenSinceMs = 0;
  steps = 0;
  readonly #perform: (process: HubProcess, effects: readonly OwnershipEffect[]) => void;
  readonly #monotonicStartMs: number;
  #wallStartMs: number;
  #suspendedMs = 0;
  #setBackAtMs = Number.NEGATIVE_INFINITY;

  constructor(
    plan: MachinePlan,
    startMs: { readonly monotonicMs: number; readonly wallMs: number },
    perform: (process: HubProcess, effects: readonly OwnershipEffect[]) => void,
  ) {
    this.plan = plan;
    this.#monotonicStartMs = startMs.monotonicMs;
    this.#wallStartMs = startMs.wallMs;
    this.#perform = perform;
  }

  get id(): string | undefined {
    return this.process?.id;
  }

  moment(nowMs: number): Moment {
    const { rate } = this.plan;
    return {
      monotonicMs: this.#monotonicStartMs + rate * (nowMs - this.#suspendedMs),
      wallMs: Math.floor(this.#wallStartMs + rate * nowMs),
    };
  }

  /** In the simulation's time: how long its monotonic clock takes for this. */
  trueMs(monotonicMs: number): number {
    return monotonicMs / this.plan.rate;
  }

  jumpWall(byMs: number, nowMs: number): void {
    this.#wallStartMs += byMs;
    if (byMs < 0) this.#setBackAtMs = nowMs;
  }

  /**
   * No clock shows a suspension during which the wall clock is set back by more than its length, or since the process
   * last looked: nobody can notice, so nobody is asked to.
   */
  canSuspend(nowMs: number): boolean {
    return nowMs - this.#setBackAtMs > LOOKED_MS;
  }

  suspend(): void {
    this.isSuspended = true;
  }

  /** The monotonic clock stood still for this long. */
  resume(forMs: number): void {
    this.isSuspended = false;
    this.#suspendedMs += forMs;
  }

  start(id: string, nowMs: number, previousIsDead = true): void {
    const state = createOwnership({ hub: id, name: this.plan.name, previousIsDead }, this.moment(nowMs));
    this.process = { id, state, lanes: new Map() };
    this.step({ kind: 'time_passed' }, nowMs);
  }

  step(input: Untimed<OwnershipInput>, nowMs: number): void {
    const { process } = this;
    if (process === undefined) return;
    this.steps += 1;
    this.#perform(process, step(process.state, { ...input, at: this.moment(nowMs) } as OwnershipInput));
  }

  /** When the hub wants to be woken, in ms of the simulation from now. */
  wakesInMs(nowMs: number): number {
    if (this.process === undefined) return Number.POSITIVE_INFINITY;
    return this.trueMs(nextWakeMs(this.process.state) - this.moment(nowMs).monotonicMs);
  }

  isStill(nowMs: number): boolean {
    return this.stillUntilMs > nowMs;
  }

  mayBegin(adapter: string, nowMs: number): boolean {
    const { process } = this;
    if (process === undefined || this.isStill(nowMs)) return false;
    return process.lanes.has(adapter) && mayBegin(process.state, adapter, this.moment(nowMs));
  }
}
