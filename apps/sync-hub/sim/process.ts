import { CALLS_OF_CALLER, CallerLimits } from '../src/access/caller-limits.ts';
import { Acks } from '../src/acks/acks.ts';
import { longestDelayMs } from '../src/core/retry.ts';
import { Cursors } from '../src/edges/cursor.ts';
import { Admission } from '../src/edges/publishing/admission.ts';
import { Intake } from '../src/edges/publishing/intake.ts';
import { Publishing } from '../src/edges/publishing/publishing.ts';
import { createSyncService } from '../src/edges/rpc/sync-service.ts';
import type { Call } from '../src/journal/calls.ts';
import type { GiveBackRequest, OpenedLane, OpenLaneRequest, RecordRequest } from '../src/journal/journal.ts';
import { Lane } from '../src/lanes/lane.ts';
import { LaneSet } from '../src/lanes/lane-set.ts';
import type { HubFacts, LaneFacts } from './facts.ts';
import type { JournalModel } from './model/model.ts';
import { BreakerOracle } from './oracle/breaker-oracle.ts';
import type { CallOracle } from './oracle/call-oracle.ts';
import { CommitOracle } from './oracle/commit-oracle.ts';
import type { DiskOracle } from './oracle/disk-oracle.ts';
import { HeldOracle } from './oracle/held-oracle.ts';
import { OutcomeOracle, type Wait } from './oracle/outcome-oracle.ts';
import type { AdapterPlan, HubPlan } from './plan.ts';
import type { Rng } from './rng.ts';
import { SimulatedAdapter, type WorldHealth } from './simulated-adapter.ts';
import { openSimulatedJournal, type SimulatedDisk, type SimulatedJournal } from './simulated-journal.ts';
import { settle, type VirtualTime } from './time.ts';
import type { Trace } from './trace.ts';

export interface HubProcessOptions {
  readonly plan: HubPlan;
  readonly time: VirtualTime;
  readonly rng: Rng;
  readonly trace: Trace;
  readonly disk: SimulatedDisk;
  readonly diskOracle: DiskOracle;
  readonly model: JournalModel;
  readonly calls: ReadonlyMap<string, CallOracle>;
  /** The adapters that are configured. */
  readonly adapters: readonly AdapterPlan[];
  /** What is known of the lanes' waits from the life before this one. */
  readonly waits: ReadonlyMap<string, ReadonlyMap<number, Wait>>;
  readonly health: WorldHealth;
}

/** One timer of a lane, however much waits; one for draining; and of opossum one for its buckets, one while it is open. */
const LANE_TIMERS_MAX = 4;

/** One life of the hub, wired as its main.ts does it, from its start to its end by request or by kill -9. */
export class HubProcess {
  readonly facts: HubFacts;
  readonly journal: SimulatedJournal;
  readonly acks: Acks;
  readonly cursors: Cursors;
  readonly adapters = new Map<string, SimulatedAdapter>();
  readonly outcomes = new Map<string, OutcomeOracle>();
  readonly lanes: LaneSet;
  readonly parts: ReturnType<typeof createParts>;
  readonly #options: HubProcessOptions;
  readonly #breakers: BreakerOracle;
  /** It ended by itself, after a request to stop. */
  hasStopped = false;

  constructor(options: HubProcessOptions) {
    this.#options = options;
    const { time, trace, disk, diskOracle, model, calls } = options;
    time.startProcess();
    model.closed();
    const reported = model.copy();
    const flags = { isStopping: false, isClosed: false, isOver: false, hasFailed: false };
    this.facts = { time, disk: model, reported, lanes: new Map(), unanswered: new Set(), ...flags };
    this.#breakers = new BreakerOracle({ trace, facts: this.facts });
    const commits = new CommitOracle({ trace, reported });
    this.journal = openSimulatedJournal({
      disk,
      onRequest: (call) => this.#seeRequest(call),
      onWritten: (written) => diskOracle.see(written),
      onReported: ({ call }) => {
        if (call.name === 'giveBack') this.#countGiveBack(call.request, -1);
      },
      commits,
    });
    this.lanes = new LaneSet([], (receivers) => void this.journal.setReceivers(receivers));
    const wallMs = () => time.wallMs();
    const gates = new HeldOracle({ gates: this.lanes, facts: this.facts, trace, calls });
    this.acks = new Acks({ journal: this.journal, gates, wallMs });
    this.journal.subscribe({
      committed: (commit) => {
        this.acks.committed(commit);
        for (const { adapter, seq } of commit.records) this.facts.lanes.get(adapter)?.recording.delete(seq);
        for (const [adapter, { lostEpoch }] of commit.lanes) this.#seeLost(adapter, lostEpoch);
        this.lanes.committed(commit);
      },
      ended: () => {
        this.facts.hasFailed = true;
      },
    });
    this.cursors = new Cursors(this.journal.info.id);
    this.parts = createParts(this, (fault) => trace.must(false, `a request is carried out or refused, not: ${fault}`));
  }

  /** Takes the lanes over and starts them; adapters start behind the open door. */
  async start(): Promise<void> {
    const { adapters } = this.#options;
    const opening = adapters.map((adapter) => this.#open(adapter));
    await this.journal.commits.flush();
    for (const { adapter, opened } of await Promise.all(opening)) this.lanes.add(this.#createLane(adapter, opened));
    await this.journal.commits.flush();
    void this.lanes.start();
    await settle();
    for (const lane of this.lanes)
      this.#breakers.checkRestored(lane, this.#options.diskOracle.breakers.get(lane.adapter.id));
  }

  /** Another holder opens the lane: what this one does from then on has no effect. */
  loseLane(id: string): void {
    const adapter = this.#options.adapters.find((plan) => plan.id === id);
    if (adapter === undefined) return;
    this.#options.trace.meet('taken over');
    this.journal.openLane(this.#openRequest(adapter)).catch(() => undefined);
  }

  /** The lane is this hub's again. */
  async reopenLane(id: string): Promise<void> {
    const adapter = this.#options.adapters.find((plan) => plan.id === id);
    const facts = this.facts.lanes.get(id);
    const lane = this.lanes.get(id);
    if (adapter === undefined || facts === undefined || lane === undefined || facts.isClosed) return;
    facts.isClosed = true;
    await lane.close();
    await settle();
    if (this.facts.isOver || this.facts.isClosed) return;
    const opening = this.#open(adapter).catch(() => undefined);
    await this.journal.commits.flush();
    const answer = await opening;
    if (answer === undefined || this.facts.isOver || this.facts.isClosed) return;
    this.lanes.remove(id);
    const next = this.#createLane(adapter, answer.opened, this.outcomes.get(id)?.waits);
    this.lanes.add(next);
    if (this.facts.isStopping) void next.drain(this.#options.plan.drainMs);
    void next.start();
    this.#options.trace.meet('reopened');
  }

  /** As main.ts does on SIGTERM; what waits for the journal or an adapter continues while the schedule does. */
  async stop(disconnectReaders: () => void): Promise<void> {
    const { facts, parts } = this;
    facts.isStopping = true;
    parts.intake.stop();
    await this.lanes.drain(this.#options.plan.drainMs);
    if (facts.isOver) return;
    disconnectReaders();
    facts.isClosed = true;
    await this.lanes.close();
    if (facts.isOver) return;
    await this.journal.close();
    this.hasStopped = !facts.isOver;
  }

  /** It is gone, at whatever it was. */
  end(): void {
    const { time, calls } = this.#options;
    this.facts.isOver = true;
    this.journal.commits.kill();
    time.stopAll();
    for (const adapter of calls.values()) adapter.killAll();
  }

  /** What the next life needs to know of this one. */
  get waits(): ReadonlyMap<string, ReadonlyMap<number, Wait>> {
    return new Map([...this.outcomes].map(([id, { waits }]) => [id, waits]));
  }

  /** What the lanes report of themselves is what is known of them. */
  checkHealth(): void {
    const { time, trace, adapters, calls } = this.#options;
    if (this.facts.isClosed || this.facts.hasFailed) return;
    for (const lane of this.lanes) {
      const { id } = lane.adapter;
      const facts = this.facts.lanes.get(id);
      if (facts === undefined || facts.isClosed) continue;
      const { breaker, inFlight } = lane.health();
      const isKnown = breaker.condition === facts.breaker;
      trace.must(isKnown, `${id} reports that its breaker is ${facts.breaker}, not ${breaker.condition}`);
      const live = calls.get(id)?.live.size ?? 0;
      trace.must(facts.isLost || inFlight === live, `${id} reports that ${live} attempts run, not ${inFlight}`);
    }
    trace.must(time.timers <= adapters.length * LANE_TIMERS_MAX, `no timer is left behind, not ${time.timers}`);
  }

  async #open(adapter: AdapterPlan): Promise<{ readonly adapter: AdapterPlan; readonly opened: OpenedLane }> {
    return { adapter, opened: await this.journal.openLane(this.#openRequest(adapter)) };
  }

  #openRequest({ id, onDeadLetter, rules }: AdapterPlan): OpenLaneRequest {
    const { time } = this.#options;
    return { adapter: id, onDeadLetter, nowMs: time.monotonicMs(), longestWaitMs: longestDelayMs(rules.retry) };
  }

  /** Asked for, not on disk yet. */
  #seeRequest(call: Call): void {
    const { trace } = this.#options;
    trace.must(!this.facts.hasFailed, 'a journal that failed accepts nothing more');
    switch (call.name) {
      case 'record':
        this.#seeRecord(call.request);
        break;
      case 'readReady': {
        const { adapter, limit, limitBytes } = call.request;
        const { prefetch } = this.facts.lanes.get(adapter)?.rules ?? {};
        trace.must(!this.facts.isStopping, `the lane of ${adapter} reads nothing once it drains`);
        const isBounded = prefetch === undefined || (limit <= prefetch.deliveries && limitBytes <= prefetch.bytes);
        trace.must(isBounded, `the lane of ${adapter} holds no more than its prefetch`);
        break;
      }
      case 'giveBack': {
        const { adapter, seq } = call.request;
        const live = [...(this.#options.calls.get(adapter)?.live ?? [])];
        // Overdue code has its outcome on disk, and keeps the key from the one that comes before.
        const isLive = live.some(({ attempt, signal }) => attempt.event.seq === seq && !signal.aborted);
        const isRecording = this.facts.lanes.get(adapter)?.recording.has(seq) === true;
        trace.must(!isLive && !isRecording, `event ${seq} at ${adapter} is given back only while nothing runs of it`);
        trace.meet('given back');
        this.#countGiveBack(call.request, 1);
        break;
      }
      default:
    }
  }

  #countGiveBack({ adapter, seq }: GiveBackRequest, change: 1 | -1): void {
    const givingBack = this.facts.lanes.get(adapter)?.givingBack;
    const count = (givingBack?.get(seq) ?? 0) + change;
    if (count > 0) givingBack?.set(seq, count);
    else givingBack?.delete(seq);
  }

  #seeRecord(request: RecordRequest): void {
    const { trace, calls } = this.#options;
    const { seq, adapter, state, attempt } = request.record;
    const what = `event ${seq} at ${adapter}`;
    const lane = this.facts.lanes.get(adapter);
    if (lane === undefined) return;
    const isLetGo = attempt !== undefined && (this.facts.isClosed || lane.isClosed || lane.isLost);
    trace.must(!isLetGo, `${what}: nothing is recorded of attempts that were let go`);
    trace.must(!lane.recording.has(seq), `${what} has one record on its way`);
    lane.recording.add(seq);
    if (attempt === undefined) {
      const { accepts } = lane.runtime;
      const type = this.#options.model.event(seq)?.type ?? '';
      const isRejected = lane.hasRun && accepts !== 'all' && !accepts.has(type);
      trace.must(state === 'skipped' && isRejected, `${what} is skipped because its adapter does not accept it`);
      this.outcomes.get(adapter)?.forget(seq);
      return;
    }
    const call = calls.get(adapter)?.of(seq).at(-1);
    const isLate = attempt.outcome === 'timed_out';
    const failure = { code: 'TIMED_OUT', message: '' };
    const outcome = isLate ? ({ kind: 'timed_out', failure } as const) : call?.end;
    trace.must(
      outcome !== undefined && outcome.kind === attempt.outcome,
      `${what} is recorded as what its attempt came to`,
    );
    if (call !== undefined && outcome !== undefined && outcome.kind !== 'not_run')
      this.outcomes.get(adapter)?.see(request, call, outcome);
  }

  #seeLost(adapter: string, lostEpoch: number): void {
    const lane = this.facts.lanes.get(adapter);
    if (lane === undefined || lostEpoch !== lane.epoch) return;
    const isOwner = lane.epoch === this.facts.reported.epochOf(adapter) && !lane.isClosed;
    this.#options.trace.must(
      !isOwner,
      `the lane of ${adapter} is lost by whom it was taken from, and not by its owner`,
    );
    lane.isLost = true;
  }

  #createLaneFacts(plan: AdapterPlan, epoch: number): LaneFacts {
    return {
      plan,
      rules: plan.rules,
      epoch,
      condition: () => this.lanes.get(plan.id)?.health().breaker.condition ?? 'closed',
      runtime: plan.runtimes[0],
      hasBegun: false,
      hasRun: false,
      isReady: false,
      isPaused: this.#options.diskOracle.pauses.get(plan.id) !== undefined,
      isLost: false,
      isClosed: false,
      probes: [],
      breaker: 'closed',
      halfOpenBegun: 0,
      breakerClosedAtMs: Number.NEGATIVE_INFINITY,
      failed: new Set(),
      ramp: Number.POSITIVE_INFINITY,
      throttledUntilMs: 0,
      throttledAtMostUntilMs: 0,
      suspects: new Set(),
      isExpiring: false,
      recording: new Set(),
      givingBack: new Map(),
      discarding: new Set(),
    };
  }

  #createLane(plan: AdapterPlan, opened: OpenedLane, waits = this.#options.waits.get(plan.id) ?? new Map()): Lane {
    const { time, rng, calls, health, trace, model, plan: hub } = this.#options;
    const { id } = plan;
    const mine = calls.get(id);
    if (mine === undefined) throw new Error(`nobody counts the calls of ${id}`);
    const lane = this.#createLaneFacts(plan, opened.epoch);
    this.facts.lanes.set(id, lane);
    const outcomes = new OutcomeOracle({
      ...{ plan, trace, time, model, waits },
      facts: lane,
      isClockSteady: !hub.clockJumps,
      onlyPoisonBreaks: hub.poison > 0 && plan.poison === 'crashed',
    });
    this.outcomes.set(id, outcomes);
    const runtime = new SimulatedAdapter({ plan, rng, calls: mine, facts: this.facts, lane, outcomes, health });
    this.adapters.set(id, runtime);
    if (rng.chance(0.6) || health.isHealed) runtime.finishStart();
    return new Lane({
      adapter: { id, package: id, version: '1.0.0' },
      runtime,
      delivery: {},
      rules: plan.rules,
      holdsKeys: plan.onDeadLetter === 'hold',
      breakerPolicy: plan.breaker,
      journal: this.journal,
      opened,
      clock: time,
      seed: rng.between(0, 1_000_000),
      onGateChange: (adapter) => this.acks.gateChanged(adapter),
      onChange: () => undefined,
      onBreakerChange: (report) => this.#breakers.see(lane, outcomes, report),
      onPause: () => {
        trace.meet('lane paused itself');
        lane.isPaused = true;
      },
    });
  }
}

function createParts(
  { journal, acks, cursors, lanes, facts: { time } }: HubProcess,
  onFault: (fault: unknown) => void,
) {
  const wallMs = () => time.wallMs();
  const nowMs = () => time.monotonicMs();
  const admission = new Admission({ nowMs, random: () => 0 });
  const intake = new Intake({ admission, journal, place: () => acks.place, eventBytesMax: 1_024, wallMs, nowMs });
  const limits = new CallerLimits(
    { eventsPerSecond: undefined, bytesPerDay: undefined, calls: CALLS_OF_CALLER },
    nowMs,
  );
  const publishing = new Publishing({ intake, journal, acks, lanes, cursors, limits });
  return { intake, publishing, sync: createSyncService(publishing, onFault) };
}
