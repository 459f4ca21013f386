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
  readonly #runtimes = new Set<OwnedRuntime>();
  #isHeld = true;

  constructor(options: RunningLanesOptions) {
    this.#options = options;
  }

  /** Held and set free with all others from now on. */
  add(runtime: OwnedRuntime): OwnedRuntime {
    this.#runtimes.add(runtime);
    runtime.setHeld(this.#isHeld);
    return runtime;
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
    for (const runtime of this.#runtimes) if (runtime === lane.runtime) this.#runtimes.delete(runtime);
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
    for (const runtime of this.#runtimes) runtime.setHeld(isHeld);
  }
}
