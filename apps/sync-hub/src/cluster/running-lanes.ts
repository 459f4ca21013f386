import type { Lane } from '../lanes/lane.ts';
import type { LaneSet } from '../lanes/lane-set.ts';
import type { OwnedLanes } from './membership.ts';
import type { OwnedRuntime } from './owned-runtime.ts';

export interface RunningLanesOptions {
  readonly lanes: LaneSet;
  /** Takes the lane of an adapter, whose runtime is one that can be held. */
  readonly create: (adapter: string, epoch: number) => Promise<Lane>;
  /** How long an attempt that runs is waited for when the lane is given back. */
  readonly drainMs: number;
}

/** The lanes that this hub runs: those that it owns. */
export class RunningLanes implements OwnedLanes {
  readonly #options: RunningLanesOptions;
  readonly #runtimes = new Map<string, Set<OwnedRuntime>>();
  #isHeld = true;

  constructor(options: RunningLanesOptions) {
    this.#options = options;
  }

  /** Held and set free with all others from now on. */
  add(adapter: string, runtime: OwnedRuntime): void {
    const runtimes = this.#runtimes.get(adapter) ?? new Set();
    this.#runtimes.set(adapter, runtimes.add(runtime));
    runtime.setHeld(this.#isHeld);
  }

  async open(adapter: string, epoch: number): Promise<void> {
    const lane = await this.#options.create(adapter, epoch);
    this.#options.lanes.add(lane);
    // Not waited for: one that hangs must not keep another from being opened.
    void lane.start();
  }

  async drain(adapter: string): Promise<void> {
    await this.#options.lanes.get(adapter)?.drain(this.#options.drainMs);
    await this.close(adapter);
  }

  async close(adapter: string): Promise<void> {
    const { lanes } = this.#options;
    const lane = lanes.get(adapter);
    if (lane === undefined) return;
    lanes.remove(adapter);
    this.#runtimes.delete(adapter);
    await lane.close();
  }

  hold(): void {
    this.#setHeld(true);
  }

  resume(): void {
    this.#setHeld(false);
  }

  #setHeld(isHeld: boolean): void {
    this.#isHeld = isHeld;
    for (const runtimes of this.#runtimes.values()) for (const runtime of runtimes) runtime.setHeld(isHeld);
  }
}
