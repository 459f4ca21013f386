import type { Outcome, OutcomeKind } from '../../src/core/outcome.ts';
import type { CheckResult, DeliveryAttempt, Runtime, RuntimeStart } from '../../src/runtimes/runtime.ts';
import type { Dice } from '../dice.ts';
import type { Call, Calls } from './calls.ts';
import type { HubFacts } from './facts.ts';
import type { AdapterPlan, Ending } from './plan.ts';
import { settle } from './time.ts';

export interface SimulatedRuntimeOptions {
  readonly plan: AdapterPlan;
  readonly dice: Dice;
  readonly calls: Calls;
  readonly facts: HubFacts;
  /** No faults: it starts, nothing hangs, everything is delivered. */
  readonly isHealed: () => boolean;
}

/** An adapter in one life of the hub: it starts, hangs, returns and throws when and as the schedule says. */
export class SimulatedRuntime implements Runtime {
  readonly kind = 'inline';
  readonly #options: SimulatedRuntimeOptions;
  readonly #started = Promise.withResolvers<RuntimeStart>();
  /** How its start went; undefined while it is starting. */
  startedAs: 'ready' | 'failed' | 'exited' | undefined;
  #onChange: (start: RuntimeStart) => void = () => undefined;

  constructor(options: SimulatedRuntimeOptions) {
    this.#options = options;
  }

  start(onChange: (start: RuntimeStart) => void = () => undefined): Promise<RuntimeStart> {
    this.#onChange = onChange;
    return this.#started.promise;
  }

  finishStart(): void {
    if (this.startedAs === 'exited') this.#startAgain();
    if (this.startedAs !== undefined) return;
    const { plan, dice, isHealed } = this.#options;
    this.startedAs = !isHealed() && dice.chance(plan.failsToStart) ? 'failed' : 'ready';
    this.#isReady = this.startedAs === 'ready';
    if (this.startedAs === 'ready') this.#started.resolve(plan.runtime);
    else if (dice.chance(0.5)) this.#started.resolve({ kind: 'failed', reason: 'by the simulation' });
    else this.#started.reject(new Error('the start is broken'));
  }

  async check(): Promise<readonly CheckResult[]> {
    return [];
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<Outcome> {
    const { calls, dice, facts, plan, isHealed } = this.#options;
    const answer = Promise.withResolvers<Outcome>();
    // What a killed process had begun goes on in this one, and is nobody's business.
    if (facts.isOver) return answer.promise;
    const hangs = !isHealed() && dice.chance(plan.hangs);
    const call = calls.begin(attempt, facts, { signal, hangs, answer });
    signal.addEventListener('abort', () => this.#heed(call), { once: true });
    if (isHealed() || !plan.outcomes.includes('throws') || dice.chance(0.8)) return answer.promise;
    this.#note(call, 'crashed');
    throw dice.pick(ODD);
  }

  /** Adapter code returns, or throws. */
  end(call: Call): void {
    const { dice, plan, isHealed } = this.#options;
    const ending: Ending = isHealed() ? 'delivered' : dice.pick(plan.outcomes);
    if (ending === 'throws' || ending === 'rejects') {
      this.#note(call, 'crashed');
      call.answer.reject(dice.pick(ODD));
    } else {
      this.#note(call, ending);
      const retryAfterMs = dice.between(0, plan.retryAfterMsMax);
      call.answer.resolve(outcomeOf(ending, { retryAfterMs, suspects: 1, scope: dice.pick(['delivery', 'lane']) }));
    }
  }

  /** Its process ends, with all attempts that it had; it is to be started again. */
  exit(): void {
    const { plan, facts } = this.#options;
    if (!plan.exits || this.startedAs !== 'ready' || facts.isClosed) return;
    this.startedAs = 'exited';
    this.#isReady = false;
    this.#onChange({ kind: 'starting', reason: 'by the simulation' });
    this.#crashAll();
  }

  #startAgain(): void {
    this.startedAs = 'ready';
    this.#isReady = true;
    this.#onChange(this.#options.plan.runtime);
  }

  /** Code that runs must end; by then whoever let go of it could have heard what it came to. */
  async close(): Promise<void> {
    this.#crashAll();
    await settle();
  }

  #crashAll(): void {
    const { live } = this.#options.calls;
    const suspects = live.size;
    for (const call of live) {
      this.#note(call, 'crashed');
      call.answer.resolve(outcomeOf('crashed', { retryAfterMs: 0, suspects, scope: 'lane' }));
    }
  }

  /** As those outside know it. */
  set #isReady(isReady: boolean) {
    const lane = this.#options.facts.lanes.get(this.#options.plan.id);
    if (lane !== undefined) lane.isReady = isReady;
  }

  #heed(call: Call): void {
    const { plan, facts } = this.#options;
    this.#countFailure(call, 'timed_out');
    if (!plan.heedsSignal || facts.isOver) return;
    this.#options.calls.ended(call, 'crashed');
    call.answer.reject(call.signal.reason);
  }

  #note(call: Call, kind: OutcomeKind): void {
    this.#options.calls.ended(call, kind);
    if (!call.signal.aborted) this.#countFailure(call, kind);
  }

  #countFailure({ attempt }: Call, kind: OutcomeKind): void {
    const lane = this.#options.facts.lanes.get(this.#options.plan.id);
    if (lane !== undefined && COUNTED.has(kind)) lane.failed.add(attempt.event.seq);
  }
}

/** What says that the external system or the adapter is unwell. */
const COUNTED: ReadonlySet<OutcomeKind> = new Set(['retryable', 'timed_out', 'crashed']);

interface OutcomeDetails {
  readonly retryAfterMs: number;
  /** Attempts that the adapter had when it broke. */
  readonly suspects: number;
  readonly scope: 'delivery' | 'lane';
}

function outcomeOf(kind: OutcomeKind, { retryAfterMs, suspects, scope }: OutcomeDetails): Outcome {
  const failure = { code: 'SIMULATED', message: 'by the simulation' };
  switch (kind) {
    case 'delivered':
      return { kind, receipt: '' };
    case 'retryable':
      return { kind, failure, retryAfterMs };
    case 'throttled':
      return { kind, failure, retryAfterMs, scope };
    case 'crashed':
      return { kind, failure, suspects };
    case 'permanent':
    case 'misconfigured':
    case 'timed_out':
      return { kind, failure };
    default:
      return kind satisfies never;
  }
}

const ODD: readonly unknown[] = [undefined, null, 'text', 0, new Error('thrown')];
