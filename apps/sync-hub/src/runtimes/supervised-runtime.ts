import type { AttemptEnd } from '../core/outcome.ts';
import { backoffMs, type RetryPolicy } from '../core/retry.ts';
import type { StartFailure } from './protocol/handshake.ts';
import type { CheckResult, DeliveryAttempt, EndReason, ReadyRuntime, Runtime, RuntimeStart } from './runtime.ts';
import { NOT_SENT } from './runtime.ts';

/**
 * Equal jitter over 0.5, 1, 2, ... 30 s: a crash that was a chance costs less than a second, and one that happens at
 * every start costs the machine a start every quarter of a minute.
 */
export const RESTART_POLICY: Pick<RetryPolicy, 'baseMs' | 'capMs'> = { baseMs: 500, capMs: 30_000 };
/** A life of a minute was a good one: what ends it is not what ended the one before. */
const GOOD_LIFE_MS = 60_000;

/** An adapter from the handshake that went well until it ends. */
export interface AdapterLife {
  readonly ready: ReadyRuntime;
  /** Never rejects. */
  check(): Promise<readonly CheckResult[]>;
  /** Its attempts: as {@link Runtime.deliver}. */
  readonly stream: Pick<Runtime, 'deliver'>;
  /** Lets what runs finish, 10 s at most, and ends it. Never rejects. */
  close(): Promise<void>;
}

/** How one life begins. */
export interface LifeOptions {
  /** The life ended by itself, and why; it accepts nothing from now on. Called once, before its attempts get outcomes. */
  readonly onEnd: (why: string) => void;
  /** Aborted when the runtime is closed meanwhile. */
  readonly signal: AbortSignal;
}

/** Begins a life. After `onEnd`, or with a failure, nothing of it is left. */
export type BeginLife = (options: LifeOptions) => Promise<AdapterLife | StartFailure>;

export interface SupervisedRuntimeOptions {
  readonly kind: Runtime['kind'];
  readonly begin: BeginLife;
  readonly restart?: Pick<RetryPolicy, 'baseMs' | 'capMs'>;
  /** From 0 to below 1; for tests. */
  readonly random?: () => number;
}

/**
 * A runtime whose adapter may end at any time: it is started again with backoff.
 *
 * - before `start`, or after `close`: nothing runs.
 * - starting: `begin` is under way.
 * - ready: a life accepts deliveries.
 * - waiting: the last life or start ended; a timer begins the next.
 * - failed: the first start failed in a way that only an operator can fix, and is not tried again. Once it was ready, the
 *   same configuration is known to work, and every later failure is retried.
 */
export class SupervisedRuntime implements Runtime {
  readonly #options: SupervisedRuntimeOptions;
  readonly #closing = new AbortController();
  #onChange: (start: RuntimeStart) => void = () => undefined;
  #life: AdapterLife | undefined;
  #beginning: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  #failuresInARow = 0;
  #wasReady = false;

  constructor(options: SupervisedRuntimeOptions) {
    this.#options = options;
  }

  get kind(): Runtime['kind'] {
    return this.#options.kind;
  }

  async start(onChange: (start: RuntimeStart) => void = () => undefined): Promise<RuntimeStart> {
    this.#onChange = onChange;
    return this.#begin();
  }

  async check(): Promise<readonly CheckResult[]> {
    return this.#life?.check() ?? [{ name: 'check', ok: false, message: 'the adapter does not run' }];
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    return this.#life?.stream.deliver(attempt, signal) ?? Promise.resolve(NOT_SENT);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    clearTimeout(this.#timer);
    const life = this.#life;
    this.#life = undefined;
    await Promise.all([life?.close(), this.#beginning]);
  }

  #begin(): Promise<RuntimeStart> {
    const beginning = this.#tryToBegin();
    this.#beginning = beginning;
    return beginning;
  }

  async #tryToBegin(): Promise<RuntimeStart> {
    const stopped: RuntimeStart = { kind: 'failed', reason: 'the hub stopped while the adapter was being started' };
    const { signal } = this.#closing;
    if (signal.aborted) return stopped;
    let endedAs: string | undefined;
    let beganAtMs = performance.now();
    const onEnd = (why: string) => {
      endedAs = why;
      if (this.#life === undefined) return;
      this.#life = undefined;
      if (performance.now() - beganAtMs >= GOOD_LIFE_MS) this.#failuresInARow = 0;
      if (!signal.aborted) this.#onChange({ kind: 'starting', ...this.#again(why) });
    };
    const begun = await this.#options.begin({ onEnd, signal }).catch(unableToBegin);
    if (signal.aborted) {
      if ('ready' in begun) await begun.close();
      return stopped;
    }
    if ('ready' in begun && endedAs === undefined) {
      beganAtMs = performance.now();
      this.#wasReady = true;
      this.#life = begun;
      return begun.ready;
    }
    if ('ready' in begun) return { kind: 'failed', ...this.#again(endedAs ?? '') };
    if (!begun.passing && !this.#wasReady) return { kind: begun.kind, reason: begun.reason };
    return { kind: 'failed', ...this.#again(begun.reason) };
  }

  /** Begins again after a while; returns the cause, and a reason with that while in it. */
  #again(cause: string): EndReason {
    this.#failuresInARow += 1;
    const { restart = RESTART_POLICY, random = Math.random } = this.#options;
    const delayMs = backoffMs(restart, this.#failuresInARow, random());
    this.#timer = setTimeout(() => {
      void this.#begin().then((start) => {
        if (!this.#closing.signal.aborted) this.#onChange(start);
      });
    }, delayMs);
    // Never "in 0.0 s".
    const seconds = Math.max(delayMs / 1_000, 0.1).toFixed(1);
    return { cause, reason: `${cause}; it is started again in ${seconds} s` };
  }
}

/** Something of the machine, such as a temporary folder that is gone or full: it may be fixed while the hub runs. */
function unableToBegin(error: NodeJS.ErrnoException): StartFailure {
  return { kind: 'failed', reason: `the adapter could not be started: ${error.code ?? error.name}`, passing: true };
}
