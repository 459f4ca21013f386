import type { Outcome, OutcomeKind } from '../../src/core/outcome.ts';
import type { DeliveryAttempt } from '../../src/runtimes/runtime.ts';
import type { Chronicle } from './chronicle.ts';
import type { HubFacts } from './facts.ts';
import type { HubModel } from './model.ts';
import type { AdapterPlan } from './plan.ts';

/** One call of adapter code. */
export interface Call {
  readonly adapter: string;
  readonly attempt: DeliveryAttempt;
  readonly cycle: number;
  readonly deadlineAtMs: number;
  readonly signal: AbortSignal;
  /** It does not return while there are faults and its signal is not aborted. */
  readonly hangs: boolean;
  /** How the code returns, or throws. */
  readonly answer: PromiseWithResolvers<Outcome>;
  /** What it came to; undefined while it runs, and for ever when its process died. */
  outcome: OutcomeKind | undefined;
}

export interface CallsOptions {
  readonly plan: AdapterPlan;
  readonly chronicle: Chronicle;
  /** What is on disk. */
  readonly model: HubModel;
}

/** All calls of one adapter's code, over all lives of the hub, and what is promised about them. */
export class Calls {
  readonly #options: CallsOptions;
  readonly #live = new Set<Call>();
  readonly #bySeq = new Map<number, Call[]>();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Those in which code runs. */
  get live(): ReadonlySet<Call> {
    return this.#live;
  }

  of(seq: number): readonly Call[] {
    return this.#bySeq.get(seq) ?? [];
  }

  /** The process died with all that ran. */
  killAll(): void {
    this.#live.clear();
  }

  begin(attempt: DeliveryAttempt, facts: HubFacts, rest: Pick<Call, 'signal' | 'hangs' | 'answer'>): Call {
    const { seq } = attempt.event;
    const { plan, model } = this.#options;
    this.#check(attempt, facts);
    const call: Call = {
      ...rest,
      adapter: plan.id,
      attempt,
      cycle: model.delivery(seq, plan.id)?.cycle ?? 0,
      deadlineAtMs: facts.time.monotonicMs() + attempt.timeoutMs,
      outcome: undefined,
    };
    this.#live.add(call);
    this.#bySeq.set(seq, [...this.of(seq), call]);
    return call;
  }

  ended(call: Call, outcome: OutcomeKind): void {
    this.#live.delete(call);
    call.outcome = outcome;
  }

  /** After all timers had their chance to ring. */
  checkDeadlines(nowMs: number): void {
    for (const { deadlineAtMs, signal, attempt } of this.#live) {
      const isTold = signal.aborted || deadlineAtMs > nowMs;
      this.#options.chronicle.must(isTold, `event ${attempt.event.seq} is asked to end at its deadline`);
    }
  }

  #check(attempt: DeliveryAttempt, facts: HubFacts): void {
    const { plan, model, chronicle } = this.#options;
    const { event, number, redelivered } = attempt;
    const what = `event ${event.seq} at ${plan.id}`;
    const stored = model.delivery(event.seq, plan.id);
    this.#checkGate(what, facts);
    chronicle.must(
      stored !== undefined && ['waiting', 'retrying'].includes(stored.state),
      `${what} is open when tried`,
    );
    chronicle.must(number === (stored?.attempts ?? 0) + 1, `${what}: attempt ${number} follows those on disk`);
    chronicle.must(attempt.timeoutMs === plan.runtime.attemptTimeoutMs, `${what} has the time that it was given`);
    const original = model.events[event.seq - 1]?.event;
    chronicle.must(original?.data.join() === event.data.join(), `${what} brings the bytes that were accepted`);
    const before = this.of(event.seq);
    chronicle.must(redelivered || before.length === 0, `${what} says that it may have taken effect before`);
    const isStable = before.every((call) => call.attempt.idempotencyKey === attempt.idempotencyKey);
    chronicle.must(isStable, `${what} keeps its idempotency key`);
    const { accepts } = plan.runtime;
    chronicle.must(accepts === 'all' || accepts.has(event.type), `${what} is of a type that the adapter takes`);
    for (const live of this.#live) {
      const isSame = live.attempt.event.seq === event.seq || (event.key !== '' && live.attempt.event.key === event.key);
      chronicle.must(!isSame, `${what}: key "${event.key}" has one live attempt`);
    }
    // What was not sent is settled on disk before anything that comes to its key after it.
    const isNotSent = (seq: number) => facts.replayed.get(`${seq} at ${plan.id}`) === 'not_sent';
    const earlier = facts.told.openBefore(event, plan.id).find((seq) => !isNotSent(seq));
    const dead = plan.rules.onDeadLetter === 'hold' ? facts.told.deadBefore(event, plan.id) : undefined;
    chronicle.must(dead === undefined, `${what} waits until somebody decides about the dead letter before it`);
    const mayNotFollow = facts.replayed.get(`${event.seq} at ${plan.id}`) === 'may_not_follow';
    const newer = mayNotFollow ? model.deliveredAfter(event, plan.id) : undefined;
    chronicle.must(
      newer === undefined,
      `${what} was replayed and does not follow a newer one of its key, unless told so`,
    );
    chronicle.must(
      earlier === undefined,
      `${what} waits for the earlier ones of key ${event.key} to be settled on disk`,
    );
  }

  /** As far as anybody outside the lane knows. */
  #checkGate(what: string, { isStopping, isClosed, lanes }: HubFacts): void {
    const { plan, chronicle } = this.#options;
    const lane = lanes.get(plan.id);
    chronicle.must(lane !== undefined, `${what} is tried while its adapter is configured`);
    chronicle.must(!isStopping && !isClosed, `${what} is not begun once the hub stops`);
    chronicle.must(lane?.isReady === true, `${what} is not tried while its adapter does not run`);
    const isAsked = lane?.isAsked === true;
    chronicle.must(lane?.isPaused === false || isAsked, `${what} is not tried while its lane is paused`);
    if (lane !== undefined) lane.isAsked = false;
    const condition = lane?.condition();
    chronicle.must(condition !== 'open', `${what} is not tried while the breaker is open`);
    if (lane === undefined || condition !== 'half_open') return;
    lane.probes += 1;
    chronicle.must(lane.probes === 1, `${what}: a half-open breaker lets one delivery through`);
    const onTime = [...this.#live].filter(({ signal }) => !signal.aborted);
    chronicle.must(onTime.length === 0 || isAsked, `${what}: the probe waits for the attempts before it`);
  }
}
