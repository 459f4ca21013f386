import type { CheckResult, Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import type { Clock } from './clock.ts';
import { checkContained, closeContained, startContained } from './contained.ts';

/** A version that ended by itself has to run for this time again before it counts as one to go back to. */
const WELL_AFTER_MS = 60_000;

/** One version of an adapter, from its start until it is closed, and the attempts that it has. */
export class AdapterVersion {
  /** As its package has it; empty when that could not be read. */
  readonly version: string;
  readonly runtime: Runtime;
  #attempts = 0;
  #starting: Promise<RuntimeStart> | undefined;
  #start: RuntimeStart | undefined;
  #endedAtMs = Number.NEGATIVE_INFINITY;
  #onIdle: () => void = () => undefined;
  /** Called with its status whenever that changes, from its first start on. */
  onChange: (start: RuntimeStart) => void = () => undefined;

  constructor({ version, runtime }: { readonly version: string; readonly runtime: Runtime }) {
    this.version = version;
    this.runtime = runtime;
  }

  /** Undefined while it is started for the first time. */
  get status(): RuntimeStart | undefined {
    return this.#start;
  }

  /** Whether it runs, and did not end by itself a moment ago: one that crashes in a loop is not well in between. */
  get isWell(): boolean {
    return this.#start?.kind === 'ready' && performance.now() - this.#endedAtMs >= WELL_AFTER_MS;
  }

  /** The same version was started again: that says nothing about whether it runs well. */
  replaces({ version, isWell }: AdapterVersion): void {
    if (version === this.version && !isWell) this.#endedAtMs = performance.now();
  }

  /** Starts it, once; resolves when it is ready or has failed. */
  start(): Promise<RuntimeStart> {
    this.#starting ??= startContained(this.runtime, (start) => this.#change(start)).then((start) => {
      this.#change(start);
      return start;
    });
    return this.#starting;
  }

  /** What it says of its external system. Never rejects. */
  check(): Promise<readonly CheckResult[]> {
    return checkContained(this.runtime);
  }

  /** It has one attempt more. */
  began(): void {
    this.#attempts += 1;
  }

  /** One of its attempts ended. */
  ended(): void {
    this.#attempts -= 1;
    if (this.#attempts === 0) this.#onIdle();
  }

  /** Resolves when its attempts have ended, or after the time: false. Nobody may give it new ones. */
  async drained(withinMs: number, clock: Clock): Promise<boolean> {
    if (this.#attempts === 0) return true;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const cancel = clock.startTimer(withinMs, resolve);
    await promise;
    cancel();
    return this.#attempts === 0;
  }

  async close(): Promise<void> {
    this.onChange = () => undefined;
    await closeContained(this.runtime);
  }

  #change(start: RuntimeStart): void {
    if (this.#start?.kind === 'ready' && start.kind !== 'ready') this.#endedAtMs = performance.now();
    this.#start = start;
    this.onChange(start);
  }
}
