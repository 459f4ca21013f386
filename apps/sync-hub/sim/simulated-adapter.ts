import type { AttemptEnd, Outcome, OutcomeKind } from '../src/core/outcome.ts';
import type { CheckResult, DeliveryAttempt, ReadyRuntime, Runtime, RuntimeStart } from '../src/runtimes/runtime.ts';
import type { Call, HubFacts, LaneFacts } from './facts.ts';
import type { CallOracle } from './oracle/call-oracle.ts';
import type { OutcomeOracle } from './oracle/outcome-oracle.ts';
import type { AdapterPlan, Ending } from './plan.ts';
import type { Rng } from './rng.ts';
import { settle } from './time.ts';

export interface SimulatedAdapterOptions {
  readonly plan: AdapterPlan;
  readonly rng: Rng;
  readonly calls: CallOracle;
  readonly facts: HubFacts;
  readonly lane: LaneFacts;
  readonly outcomes: OutcomeOracle;
  readonly health: WorldHealth;
}

/** How well the world is. */
export interface WorldHealth {
  /** No faults any more: adapters start, nothing new hangs, everything is delivered except what is poisonous. */
  isHealed: boolean;
  /** Nothing is poisonous any more. */
  isCured: boolean;
}

/** The runtime of an adapter for one life of its lane: it starts, hangs, returns, throws and exits as the schedule says. */
export class SimulatedAdapter implements Runtime {
  readonly kind = 'inline';
  readonly #options: SimulatedAdapterOptions;
  readonly #started = Promise.withResolvers<RuntimeStart>();
  /** How its start went; undefined while it is starting. */
  startedAs: 'ready' | 'failed' | 'exited' | undefined;
  #onChange: (start: RuntimeStart) => void = () => undefined;

  constructor(options: SimulatedAdapterOptions) {
    this.#options = options;
    // It may fail before anybody asks for it.
    this.#started.promise.catch(() => undefined);
  }

  start(onChange: (start: RuntimeStart) => void = () => undefined): Promise<RuntimeStart> {
    this.#onChange = onChange;
    return this.#started.promise;
  }

  finishStart(): void {
    const { plan, rng, health, lane, facts } = this.#options;
    if (facts.isClosed || lane.isClosed) return;
    if (this.startedAs === 'exited') this.#startAgain();
    if (this.startedAs !== undefined) return;
    this.startedAs = !health.isHealed && rng.chance(plan.failsToStart) ? 'failed' : 'ready';
    lane.isReady = this.startedAs === 'ready';
    if (this.startedAs === 'ready') this.#started.resolve(this.#nextVersion());
    else if (rng.chance(0.5)) this.#started.resolve({ kind: 'failed', reason: 'by the simulation' });
    else this.#started.reject(new Error('the start is broken'));
  }

  async check(): Promise<readonly CheckResult[]> {
    return [];
  }

  deliver(attempt: DeliveryAttempt, signal: AbortSignal): Promise<AttemptEnd> {
    const { calls, rng, facts, plan, health, outcomes } = this.#options;
    const answer = Promise.withResolvers<AttemptEnd>();
    // What a killed process had begun continues in this one, and is nobody's business. One whose disk failed ends at once.
    if (facts.isOver || facts.hasFailed) return answer.promise;
    const hangs = !health.isHealed && rng.chance(plan.hangs);
    const isPoison = attempt.event.attributes.poison !== undefined;
    const call = calls.begin(attempt, facts, { signal, hangs, isPoison, answer, outcomes });
    if (call === undefined) return answer.promise;
    signal.addEventListener('abort', () => this.#heed(call), { once: true });
    if (health.isHealed || isPoison || !plan.endings.includes('throws') || rng.chance(0.8)) return answer.promise;
    this.#note(call, outcomeOf('crashed'));
    throw rng.pick(ODD);
  }

  /** True when the code of a call can return at this moment. */
  mayEnd({ hangs, signal }: Call): boolean {
    const { plan, health } = this.#options;
    if (!hangs) return true;
    return !plan.hangsForever && (health.isHealed || signal.aborted);
  }

  /** Adapter code returns, or throws. */
  end(call: Call): void {
    const { rng, plan, health, calls } = this.#options;
    if (call.isPoison && !health.isCured) {
      if (plan.poison === 'crashed') this.#breakDown();
      else this.#return(call, outcomeOf('retryable'));
      return;
    }
    const ending: Ending = health.isHealed ? 'delivered' : rng.pick(plan.endings);
    switch (ending) {
      case 'throws':
      case 'rejects':
        this.#note(call, outcomeOf('crashed'));
        call.answer.reject(rng.pick(ODD));
        break;
      case 'not_run':
        // Code that was asked to end had its event.
        if (!call.signal.aborted) this.#return(call, { kind: 'not_run' });
        break;
      case 'crashed': {
        const isAlone = calls.live.size === 1;
        this.#return(call, outcomeOf('crashed', { suspects: isAlone || rng.chance(0.7) ? 1 : calls.live.size }));
        break;
      }
      default: {
        const retryAfterMs = rng.between(0, plan.retryAfterMsMax);
        this.#return(call, outcomeOf(ending, { retryAfterMs, scope: rng.pick(['delivery', 'lane', undefined]) }));
      }
    }
  }

  /** Its process ends, with all attempts that it had; it is to be started again. */
  exit(): void {
    const { plan } = this.#options;
    if (plan.exits) this.#exit();
  }

  /** Code that runs must end; by then whoever let go of it could have heard what it came to. */
  async close(): Promise<void> {
    this.#crashAll();
    await settle();
  }

  #exit(): void {
    const { facts, lane } = this.#options;
    if (this.startedAs !== 'ready' || facts.isClosed || lane.isClosed) return;
    this.startedAs = 'exited';
    lane.isReady = false;
    this.#onChange({ kind: 'starting', reason: 'by the simulation' });
    this.#crashAll();
  }

  /** A poisonous event breaks the adapter: nobody knows which of those that ran it was. */
  #breakDown(): void {
    if (this.#options.rng.chance(0.5)) this.#exit();
    this.#crashAll();
  }

  #startAgain(): void {
    this.startedAs = 'ready';
    this.#options.lane.isReady = true;
    this.#onChange(this.#nextVersion());
  }

  #nextVersion(): ReadyRuntime {
    const { lane, plan, rng } = this.#options;
    lane.runtime = rng.pick(plan.runtimes);
    lane.hasRun = true;
    return lane.runtime;
  }

  #crashAll(): void {
    const { calls } = this.#options;
    const live = [...calls.live];
    for (const call of live) this.#return(call, outcomeOf('crashed', { suspects: live.length }));
  }

  #return(call: Call, end: AttemptEnd): void {
    this.#note(call, end);
    call.answer.resolve(end);
  }

  #heed(call: Call): void {
    const { plan, facts, calls, lane } = this.#options;
    if (facts.isOver || !calls.live.has(call)) return;
    if (!facts.isClosed && !lane.isClosed && !lane.isLost) this.#expire(call);
    if (!plan.heedsSignal || (call.hangs && plan.hangsForever)) return;
    calls.ended(call, outcomeOf('crashed'), facts.time.nowMs);
    call.answer.reject(call.signal.reason);
  }

  #expire(call: Call): void {
    const { facts, lane, calls } = this.#options;
    calls.checkExpiry(call, facts.time.nowMs);
    lane.failed.add(call.attempt.event.seq);
    lane.isExpiring = true;
    queueMicrotask(() => {
      lane.isExpiring = false;
    });
  }

  #note(call: Call, end: AttemptEnd): void {
    const { calls, lane, facts } = this.#options;
    calls.ended(call, end, facts.time.nowMs);
    if (!call.signal.aborted && COUNTED.has(end.kind)) lane.failed.add(call.attempt.event.seq);
  }
}

/** What says that the external system or the adapter is unwell. */
const COUNTED: ReadonlySet<AttemptEnd['kind']> = new Set(['retryable', 'timed_out', 'crashed']);

interface OutcomeDetails {
  readonly retryAfterMs: number;
  /** Attempts that the adapter had when it broke. */
  readonly suspects: number;
  readonly scope: 'delivery' | 'lane' | undefined;
}

function outcomeOf(
  kind: OutcomeKind,
  { retryAfterMs = 0, suspects = 1, scope }: Partial<OutcomeDetails> = {},
): Outcome {
  const failure = { code: 'SIMULATED', message: 'by the simulation' };
  switch (kind) {
    case 'delivered':
      return { kind, receipt: '' };
    case 'retryable':
      return { kind, failure, retryAfterMs };
    case 'throttled':
      return { kind, failure, retryAfterMs, ...(scope !== undefined && { scope }) };
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
