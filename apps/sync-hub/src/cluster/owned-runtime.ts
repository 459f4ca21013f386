import type { AttemptEnd } from '../core/outcome.ts';
import {
  type CheckResult,
  type DeliveryAttempt,
  NOT_SENT,
  type ReadyRuntime,
  type Runtime,
  type RuntimeStart,
} from '../runtimes/runtime.ts';

export interface Ownership {
  /** The operator's, which takes precedence over what the adapter asks for. */
  readonly attemptTimeoutMs: number | undefined;
  /** Asked before each attempt. */
  mayBegin(): boolean;
  /** Resolves once other hubs wait long enough for attempts that take this long. */
  expectAttempts(timeoutMs: number): Promise<void>;
}

const HELD: RuntimeStart = {
  kind: 'starting',
  reason: 'the database does not answer, so another hub may take this adapter over; nothing begins until it answers',
};

/** The runtime of an adapter that another hub may run as soon as this one does not own its lane any more. */
export class OwnedRuntime implements Runtime {
  readonly #runtime: Runtime;
  readonly #ownership: Ownership;
  #isHeld = false;
  #start: RuntimeStart | undefined;
  #expectedMs = 0;
  #onChange: (start: RuntimeStart) => void = () => undefined;

  constructor(runtime: Runtime, ownership: Ownership) {
    this.#runtime = runtime;
    this.#ownership = ownership;
  }

  get kind(): Runtime['kind'] {
    return this.#runtime.kind;
  }

  async start(onChange: (start: RuntimeStart) => void = () => undefined): Promise<RuntimeStart> {
    this.#onChange = onChange;
    const start = await this.#runtime.start((later) => void this.#change(later));
    if (start.kind === 'ready') await this.#expect(this.#timeoutMs(start));
    this.#start ??= start;
    return this.#asSeen(this.#start);
  }

  check(): Promise<readonly CheckResult[]> {
    return this.#runtime.check();
  }

  async deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    return this.#ownership.mayBegin() ? this.#runtime.deliver(attempt, signal) : NOT_SENT;
  }

  close(): Promise<void> {
    return this.#runtime.close();
  }

  /** Nothing begins, until it is set free. */
  setHeld(isHeld: boolean): void {
    if (this.#isHeld === isHeld) return;
    this.#isHeld = isHeld;
    if (this.#start?.kind === 'ready') this.#onChange(this.#asSeen(this.#start));
  }

  async #change(start: RuntimeStart): Promise<void> {
    this.#start = start;
    // That it ended is reported before what its attempts came to.
    if (start.kind !== 'ready' || this.#timeoutMs(start) <= this.#expectedMs)
      return this.#onChange(this.#asSeen(start));
    await this.#expect(this.#timeoutMs(start));
    if (this.#start === start) this.#onChange(this.#asSeen(start));
  }

  async #expect(timeoutMs: number): Promise<void> {
    await this.#ownership.expectAttempts(timeoutMs);
    this.#expectedMs = Math.max(this.#expectedMs, timeoutMs);
  }

  #timeoutMs({ attemptTimeoutMs }: ReadyRuntime): number {
    return this.#ownership.attemptTimeoutMs ?? attemptTimeoutMs;
  }

  #asSeen(start: RuntimeStart): RuntimeStart {
    return this.#isHeld && start.kind === 'ready' ? HELD : start;
  }
}
