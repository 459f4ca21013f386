import type { AttemptEnd } from '../../src/core/outcome.ts';
import type { DeliveryAttempt } from '../../src/runtimes/runtime.ts';
import type { Call, HubFacts, LaneFacts } from '../facts.ts';
import type { JournalModel, ModelDelivery } from '../model/model.ts';
import type { AdapterPlan } from '../plan.ts';
import type { Trace } from '../trace.ts';
import { checkGate } from './gate-oracle.ts';
import type { OutcomeOracle } from './outcome-oracle.ts';

export interface CallOracleOptions {
  readonly plan: AdapterPlan;
  readonly trace: Trace;
  /** What is on disk. */
  readonly model: JournalModel;
}

interface NewCall extends Pick<Call, 'signal' | 'hangs' | 'isPoison' | 'answer'> {
  readonly outcomes: OutcomeOracle;
}

/** All calls of one adapter's code, over all lives of the hub, and what is promised about each as it begins. */
export class CallOracle {
  readonly #options: CallOracleOptions;
  readonly #live = new Set<Call>();
  readonly #bySeq = new Map<number, Call[]>();
  /** Calls that were ever made. */
  count = 0;
  /** When one was last throttled. */
  throttledAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: CallOracleOptions) {
    this.#options = options;
  }

  /** Those in which code runs. */
  get live(): ReadonlySet<Call> {
    return this.#live;
  }

  of(seq: number): readonly Call[] {
    return this.#bySeq.get(seq) ?? [];
  }

  isLive(seq: number): boolean {
    return this.of(seq).some((call) => this.#live.has(call));
  }

  /** The process died with all that ran. */
  killAll(): void {
    this.#live.clear();
  }

  begin(attempt: DeliveryAttempt, facts: HubFacts, { outcomes, ...rest }: NewCall): Call | undefined {
    const { seq } = attempt.event;
    const { plan, model, trace } = this.#options;
    const lane = facts.lanes.get(plan.id);
    const what = `event ${seq} at ${plan.id}`;
    trace.note(() => `attempt ${attempt.number} of ${what}${attempt.redelivered ? ', redelivered' : ''}`);
    trace.must(lane !== undefined, `${what} is attempted while its adapter is configured`);
    if (lane === undefined) return undefined;
    const gate = checkGate({ what, attempt, facts, lane, live: this.#live, trace });
    this.#checkAttempt(what, attempt, lane);
    this.#checkOrder(what, attempt, facts);
    const begun = { ...gate, isAsked: outcomes.checkDue(what, attempt, gate) };
    const nowMs = facts.time.nowMs;
    const call: Call = {
      ...rest,
      ...begun,
      adapter: plan.id,
      attempt,
      cycle: model.delivery(seq, plan.id)?.cycle ?? 0,
      startedAtMs: nowMs,
      deadlineAtMs: nowMs + attempt.timeoutMs,
      lane,
      end: undefined,
    };
    lane.hasBegun = true;
    outcomes.seeAttempt(call);
    this.count += 1;
    this.#live.add(call);
    this.#bySeq.set(seq, [...this.of(seq), call]);
    return call;
  }

  ended(call: Call, end: AttemptEnd, nowMs: number): void {
    this.#live.delete(call);
    if (end.kind === 'throttled') this.throttledAtMs = nowMs;
    call.end = end;
  }

  /** A signal asks code to end. */
  checkExpiry({ deadlineAtMs, attempt }: Call, nowMs: number): void {
    this.#options.trace.must(
      nowMs >= deadlineAtMs,
      `event ${attempt.event.seq} is not asked to end before its deadline`,
    );
  }

  /** After all timers had their chance to fire. */
  checkDeadlines(nowMs: number): void {
    for (const { deadlineAtMs, signal, attempt } of this.#live) {
      const isAsked = signal.aborted || deadlineAtMs > nowMs;
      this.#options.trace.must(isAsked, `event ${attempt.event.seq} is asked to end at its deadline`);
    }
  }

  #checkAttempt(
    what: string,
    { event, number, redelivered, timeoutMs, idempotencyKey }: DeliveryAttempt,
    lane: LaneFacts,
  ): void {
    const { plan, model, trace } = this.#options;
    const stored = model.delivery(event.seq, plan.id);
    trace.must(stored?.state === 'waiting' || stored?.state === 'retrying', `${what} is open when attempted`);
    trace.must(!lane.recording.has(event.seq), `${what} is attempted again only when its last outcome is on disk`);
    trace.must(number === (stored?.attempts ?? 0) + 1, `${what}: attempt ${number} follows those on disk`);
    trace.must(timeoutMs === lane.runtime.attemptTimeoutMs, `${what} has the time that the adapter asked for`);
    const original = model.event(event.seq)?.data;
    trace.must(original?.join() === event.data.join(), `${what} brings the bytes that were accepted`);
    const before = this.of(event.seq);
    const hasRun = before.some(({ end }) => end?.kind !== 'not_run');
    trace.must(redelivered || !hasRun, `${what} reports that it may have taken effect before`);
    trace.must(
      !redelivered || hasRun || stored?.wasReadyAtOpen === true,
      `${what} is reported as redelivered only when an attempt of it may have been made`,
    );
    const isStable = before.every((call) => call.attempt.idempotencyKey === idempotencyKey);
    trace.must(isStable, `${what} keeps its idempotency key`);
    const { accepts } = lane.runtime;
    trace.must(accepts === 'all' || accepts.has(event.type), `${what} is of a type that the adapter accepts`);
  }

  #checkOrder(what: string, { event }: DeliveryAttempt, { reported }: HubFacts): void {
    const { plan, model, trace } = this.#options;
    const stored = model.delivery(event.seq, plan.id);
    trace.must(stored?.isHead === true, `${what} is the head of its key`);
    for (const live of this.#live) {
      const isSame = live.attempt.event.seq === event.seq || (event.key !== '' && live.attempt.event.key === event.key);
      trace.must(!isSame, `${what}: key "${event.key}" has one live attempt`);
    }
    // One that ran when an earlier one was replayed goes on: it is the only one that may.
    const earlier = reported.openBefore(event, plan.id).find((other) => !this.#mayStayBehind(event.seq, other));
    trace.must(
      earlier === undefined,
      `${what} waits for event ${earlier?.event.seq} of key ${event.key} to be settled on disk`,
    );
    const dead = reported.heldByDeadLetter(event, plan.id);
    trace.must(dead === undefined, `${what} waits until an operator has decided about dead letter ${dead?.event.seq}`);
    if (stored?.mayFollow === true) return;
    const newer = model
      .after(event, plan.id)
      .find((other) => other.state === 'delivered' || this.#mayBeDelivered(other));
    trace.must(
      newer === undefined,
      `${what} does not follow event ${newer?.event.seq} of its key, which ${newer?.state === 'delivered' ? 'was' : 'may have been'} delivered`,
    );
  }

  /** True when an attempt of it may have been made that is not on record, or its lane never heard that the earlier one was
   * replayed: the earlier one then waits for its outcome. */
  #mayStayBehind(seq: number, earlier: ModelDelivery): boolean {
    const { plan, model } = this.#options;
    const stored = model.delivery(seq, plan.id);
    if (stored === undefined || earlier.cycle === 1) return false;
    return this.#mayBeDelivered(stored) || stored.wasReadyAtOpen || model.wasReopenedBefore(earlier);
  }

  /** True when code was called for it whose outcome is not on record. */
  #mayBeDelivered({ event, cycle, attempts, state }: ModelDelivery): boolean {
    if (state !== 'waiting' && state !== 'retrying') return false;
    return this.of(event.seq).some(
      (call) => call.cycle === cycle && call.attempt.number > attempts && call.end?.kind !== 'not_run',
    );
  }
}
