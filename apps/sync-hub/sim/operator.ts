import type { EventIdentity } from '../src/core/event.ts';
import type { DeliveryFilter } from '../src/journal/delivery-filter.ts';
import { JournalError } from '../src/journal/journal-error.ts';
import type { ReplayStepRequest } from '../src/journal/replay-job.ts';
import type { Lane } from '../src/lanes/lane.ts';
import type { LaneFacts } from './facts.ts';
import type { JournalModel, ModelDelivery } from './model/model.ts';
import type { CallOracle } from './oracle/call-oracle.ts';
import type { HubPlan } from './plan.ts';
import type { HubProcess } from './process.ts';
import type { Rng } from './rng.ts';
import type { Trace } from './trace.ts';

/** Of no event. */
const UNKNOWN_SEQ = 1_000_000;

export interface OperatorOptions {
  readonly plan: HubPlan;
  readonly rng: Rng;
  readonly trace: Trace;
  /** What is on disk. */
  readonly model: JournalModel;
  readonly calls: ReadonlyMap<string, CallOracle>;
}

/** An operator who asks, pauses and resumes, lets one delivery through, retries, replays and discards. */
export class Operator {
  readonly #options: OperatorOptions;
  #discards = 0;

  constructor(options: OperatorOptions) {
    this.#options = options;
  }

  /** A question; the answer is checked as the journal gives it. */
  ask(process: HubProcess): void {
    const { rng, model } = this.#options;
    const { journal } = process;
    const event = () => rng.pick(model.events) ?? { id: 'unknown', source: 'sim' };
    const ask = rng.pick<() => Promise<unknown>>([
      () => journal.readEvent({ id: event().id, ...(rng.chance(0.5) && { source: event().source }) }),
      () => journal.readStatistics(),
      () => journal.countDeliveriesOf(this.#filter()),
      () => journal.listDeliveries({ filter: this.#filter(), limit: rng.between(1, 10) }),
      () => journal.readRecords({ after: new Map(), limit: rng.between(1, 20) }),
    ]);
    void this.#see(process, ask());
  }

  /** On disk first, as the rpc does it, so that a pause that was answered is there after a restart. */
  async pauseOrResume(process: HubProcess): Promise<void> {
    const { rng } = this.#options;
    const lane = rng.pick([...process.lanes]);
    const facts = lane && process.facts.lanes.get(lane.adapter.id);
    if (lane === undefined || facts === undefined) return;
    const pause = facts.isPaused ? undefined : { reason: 'maintenance', sinceMs: process.facts.time.wallMs() };
    const saved = process.journal.saveLanePause({ adapter: lane.adapter.id, pause }).then(() => true);
    const isKept = await this.#see(process, saved);
    if (isKept !== true || process.facts.isOver || facts.isClosed) return;
    facts.isPaused = pause !== undefined;
    if (pause === undefined) lane.resume();
    else lane.pause({ kind: 'operator', reason: pause.reason });
  }

  /** Something about single deliveries. */
  operate(process: HubProcess): void {
    const { rng, plan } = this.#options;
    const lane = rng.pick([...process.lanes]);
    const facts = lane && process.facts.lanes.get(lane.adapter.id);
    if (lane === undefined || facts === undefined) return;
    const weighted: [number, () => unknown][] = [
      [plan.probes ? 3 : 0, () => this.#probe(process, lane, facts)],
      [plan.probes ? 1 : 0, () => this.#retryNow(process, lane, facts)],
      [plan.replays ? 6 : 0, () => this.#replay(process, lane.adapter.id)],
      [plan.discards ? 1 : 0, () => this.decide(process, lane.adapter.id, this.#deadLetter(lane.adapter.id))],
      [plan.discards ? 3 : 0, () => this.#discard(process, lane)],
    ];
    rng.pick(weighted.flatMap(([weight, act]) => new Array<() => unknown>(weight).fill(act)))?.();
  }

  /** Decides about a dead letter, which may hold its key: the lane discards it, where there is one. */
  decide(process: HubProcess, adapter: string, seq: number): void {
    const lane = process.lanes.get(adapter);
    const { time } = process.facts;
    const request = { adapter, seq, atMs: time.wallMs(), nowMs: time.monotonicMs(), reason: 'decided' };
    if (lane === undefined) void this.#see(process, process.journal.discard(request));
    else void this.#discardAt(process, lane, [seq]);
  }

  /** Sends a dead letter again, whatever came after it. */
  replay(process: HubProcess, { adapter, event }: ModelDelivery, includeStale: boolean): void {
    this.#options.trace.meet(includeStale ? 'replayed with stale ones' : 'replayed');
    const { time } = process.facts;
    const times = { atMs: time.wallMs(), nowMs: time.monotonicMs() };
    void this.#see(process, process.journal.stepReplay(replayStep({ ...event, adapter }, { includeStale, ...times })));
  }

  /** The promise of the lane: exactly one is let through, and whoever asked gets which. */
  async #probe(process: HubProcess, lane: Lane, facts: LaneFacts): Promise<void> {
    const { trace, model, calls } = this.#options;
    if (process.facts.isStopping || facts.isLost) return;
    const probe = { begun: undefined as number | undefined };
    facts.probes.push(probe);
    const made = calls.get(lane.adapter.id);
    const callsBefore = made?.count ?? 0;
    const before = this.#mayBeLetThrough(process, facts);
    const answered = (await this.#see(process, lane.probe()))?.valueOf() as EventIdentity | undefined;
    facts.probes.splice(facts.probes.indexOf(probe), 1);
    if (process.facts.isOver || facts.isClosed || facts.isLost) return;
    if (answered === undefined) {
      trace.must(probe.begun === undefined, `event ${probe.begun} is let through, and the operator is notified of it`);
      const left = before.filter((seq) => this.#mayBeLetThrough(process, facts).includes(seq));
      const isIdle = (made?.count ?? 0) === callsBefore;
      trace.must(
        left.length === 0 || !isIdle,
        `one of ${left} at ${lane.adapter.id} is let through when an operator wants it`,
      );
      return;
    }
    trace.meet('probed');
    const seq = model.byIdentity(answered)?.seq ?? 0;
    const call = made?.of(seq).at(-1);
    const isBegun = call !== undefined && (made?.count ?? 0) > callsBefore;
    trace.must(
      isBegun || process.facts.isStopping,
      `event ${seq} at ${lane.adapter.id} is let through as the operator heard`,
    );
    trace.must(probe.begun === undefined || probe.begun === seq, `event ${probe.begun} is let through, not ${seq}`);
    if (call !== undefined) process.outcomes.get(lane.adapter.id)?.seeAsked(call);
  }

  /** Nothing runs or is in the way, and these wait. */
  #mayBeLetThrough({ facts: hub }: HubProcess, facts: LaneFacts): readonly number[] {
    const { calls } = this.#options;
    const { id } = facts.plan;
    const isShut = !facts.isReady || hub.isStopping || facts.isLost || facts.isClosed || facts.probes.length > 1;
    const isBusy = (calls.get(id)?.live.size ?? 0) > 0 || facts.condition() === 'half_open';
    if (isShut || isBusy) return [];
    const { accepts } = facts.runtime;
    const heads = hub.reported.deliveriesAt(id).filter(({ isHead }) => isHead);
    // What it does not accept is skipped, and answered as nothing.
    if (accepts !== 'all' && heads.some(({ event }) => !accepts.has(event.type))) return [];
    const isHeldBack = (seq: number) =>
      facts.recording.has(seq) || facts.discarding.has(seq) || facts.givingBack.has(seq);
    return heads.map(({ event }) => event.seq).filter((seq) => !isHeldBack(seq));
  }

  async #retryNow(process: HubProcess, lane: Lane, facts: LaneFacts): Promise<void> {
    facts.throttledUntilMs = 0;
    facts.throttledAtMostUntilMs = 0;
    process.outcomes.get(lane.adapter.id)?.endWaits();
    this.#options.trace.meet('retried now');
    await this.#see(process, lane.retryNow());
  }

  #replay(process: HubProcess, adapter: string): void {
    const { rng, model } = this.#options;
    const dead = model.deadLetters(adapter);
    // Rather one that later events of its key may overtake, where there is one.
    const followed = dead.filter(({ event }) => model.openAfter(event, adapter).length > 0);
    const one = rng.pick(followed.length > 0 && rng.chance(0.8) ? followed : dead);
    if (one !== undefined) this.replay(process, one, rng.chance(0.5));
  }

  /** Any deliveries, as an operator may name them from an old list. */
  async #discard(process: HubProcess, lane: Lane): Promise<void> {
    const { rng, model } = this.#options;
    const adapter = lane.adapter.id;
    const known = model.deliveriesAt(adapter);
    if (known.length === 0 || process.facts.isStopping) return;
    const picked = Array.from({ length: rng.between(1, 4) }, () => rng.pick(known)?.event.seq ?? 0);
    await this.#discardAt(process, lane, [...new Set(picked)]);
  }

  /** The promise of the lane: what does not run is discarded, and the count is true. */
  async #discardAt(process: HubProcess, lane: Lane, seqs: readonly number[]): Promise<void> {
    const { trace, model, calls } = this.#options;
    const adapter = lane.adapter.id;
    const facts = process.facts.lanes.get(adapter);
    this.#discards += 1;
    const reason = `discard ${this.#discards}`;
    const isBusy = (seq: number) =>
      calls.get(adapter)?.isLive(seq) === true ||
      facts?.recording.has(seq) === true ||
      facts?.givingBack.has(seq) === true;
    const free = seqs.filter((seq) => !isBusy(seq) && facts?.discarding.has(seq) !== true);
    for (const seq of free) facts?.discarding.add(seq);
    trace.note(() => `an operator discards ${seqs} at ${adapter}: ${reason}`);
    const count = await this.#see(process, lane.discard(seqs, reason));
    trace.note(() => `answer to ${reason}: ${count}`);
    for (const seq of free) facts?.discarding.delete(seq);
    if (count === undefined || process.facts.isOver || facts?.isClosed === true) return;
    const discarded = seqs.filter((seq) => model.recordsOf(adapter, seq).some((record) => record.reason === reason));
    trace.must(count === discarded.length, `${discarded.length} deliveries were discarded, not ${count}`);
    const left = free.find((seq) => {
      const state = model.delivery(seq, adapter)?.state;
      return (
        !discarded.includes(seq) &&
        (state === 'waiting' || state === 'retrying' || state === 'dead_lettered') &&
        model.delivery(seq, adapter)?.reopenedAtMs === undefined &&
        facts?.isLost !== true
      );
    });
    trace.must(
      left === undefined,
      `event ${left} at ${adapter} is discarded when an operator wants it and nothing runs`,
    );
  }

  /** One that is none as well, now and then. */
  #deadLetter(adapter: string): number {
    const { rng, model } = this.#options;
    const dead = rng.chance(0.9) ? rng.pick(model.deadLetters(adapter)) : undefined;
    return dead?.event.seq ?? rng.pick(model.deliveriesAt(adapter))?.event.seq ?? UNKNOWN_SEQ;
  }

  /** What was asked is answered, unless the hub ends first. */
  async #see<Answer>({ facts }: HubProcess, asked: Promise<Answer>): Promise<Answer | undefined> {
    facts.unanswered.add(asked);
    try {
      return await asked;
    } catch (error) {
      const isEnding = error instanceof JournalError && (facts.hasFailed || facts.isClosed || facts.isOver);
      this.#options.trace.must(isEnding, `what is asked is answered, not: ${error}`);
      return undefined;
    } finally {
      facts.unanswered.delete(asked);
    }
  }

  #filter(): DeliveryFilter {
    const { rng, model } = this.#options;
    const event = rng.pick(model.events);
    const adapter = event && rng.pick(event.adapters);
    return {
      ...(rng.chance(0.3) && adapter !== undefined && { adapters: [adapter] }),
      ...(rng.chance(0.3) && { states: ['delivered', 'retrying'] }),
      ...(rng.chance(0.3) && event !== undefined && { keys: [event.key] }),
      ...(rng.chance(0.2) && event !== undefined && { sources: [event.source] }),
    };
  }
}

/** Sends the dead letter of one event at one adapter again, with a job that is done in one step. */
function replayStep(
  { id, source, adapter }: EventIdentity & { readonly adapter: string },
  { includeStale, atMs, nowMs }: { readonly includeStale: boolean; readonly atMs: number; readonly nowMs: number },
): ReplayStepRequest {
  const job = {
    id: `${id} of "${source}" at ${adapter}`,
    state: 'running',
    filter: { eventIds: [id], sources: [source], adapters: [adapter] },
    ratePerSecond: 1,
    reason: 'by the simulation',
    includeStale,
    includeReplayed: true,
    createdAtMs: atMs,
    upTo: { [adapter]: Number.MAX_SAFE_INTEGER },
    matched: 1,
    skippedStale: 0,
    skippedReplayed: 0,
    sent: 0,
  } as const;
  return { job, atMs, nowMs, bounds: { limit: 2, limitBytes: Number.POSITIVE_INFINITY } };
}
