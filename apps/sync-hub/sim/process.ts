import { Acks } from '../../src/acks/acks.ts';
import type { DeliveryRecord } from '../../src/core/delivery.ts';
import { Admission } from '../../src/edges/admission.ts';
import { Cursors } from '../../src/edges/cursor.ts';
import { Intake } from '../../src/edges/intake.ts';
import { EventFeed } from '../../src/edges/rpc/event-feed.ts';
import { createSyncService } from '../../src/edges/rpc/sync-service.ts';
import type { StoredBreaker } from '../../src/journal/journal.ts';
import type { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import { Lane } from '../../src/lanes/lane.ts';
import type { LaneOptions } from '../../src/lanes/lane-options.ts';
import { Lanes } from '../../src/lanes/lanes.ts';
import type { Dice } from '../dice.ts';
import type { Calls } from './calls.ts';
import type { Chronicle } from './chronicle.ts';
import type { DiskWitness } from './disk-witness.ts';
import type { HubFacts, HubLaneFacts } from './facts.ts';
import { FaultyJournal } from './journal.ts';
import { LaneWatch } from './lane-watch.ts';
import type { HubModel } from './model.ts';
import type { AdapterPlan } from './plan.ts';
import { SimulatedRuntime } from './runtime.ts';
import { settle, type VirtualTime } from './time.ts';

export interface HubProcessOptions {
  readonly time: VirtualTime;
  readonly dice: Dice;
  readonly chronicle: Chronicle;
  readonly disk: MemoryDisk;
  readonly witness: DiskWitness;
  /** What is on disk as the process starts; told from then on of all that the hub hears of. */
  readonly told: HubModel;
  readonly calls: ReadonlyMap<string, Calls>;
  /** The adapters that are configured. */
  readonly adapters: readonly AdapterPlan[];
  readonly drainMs: number;
  readonly isHealed: () => boolean;
}

/** One alarm, however much waits; one for draining; and of opossum one for its buckets, one while it is open. */
const LANE_TIMERS_MAX = 4;

/** One life of the hub, wired as its main.ts does it, from its start to its end by request or by kill -9. */
export class HubProcess {
  readonly facts: HubFacts;
  readonly told: HubModel;
  readonly journal: FaultyJournal;
  readonly acks: Acks;
  readonly cursors: Cursors;
  readonly runtimes = new Map<string, SimulatedRuntime>();
  readonly #options: HubProcessOptions;
  readonly #watch: LaneWatch;
  #lanes = new Lanes([]);
  #parts: ReturnType<typeof createParts> | undefined;
  /** It ended by itself, after a request to stop. */
  hasStopped = false;

  constructor(options: HubProcessOptions) {
    this.#options = options;
    const { time, chronicle, disk, witness, adapters, told } = options;
    this.told = told;
    const lanes = new Map(adapters.map(({ id }) => [id, this.#laneFacts(id)]));
    const flags = { isStopping: false, isClosed: false, isOver: false, hasFailed: false };
    this.facts = { time, told, lanes, replayed: new Map(), ...flags };
    this.#watch = new LaneWatch({ chronicle, facts: this.facts });
    this.journal = new FaultyJournal({
      disk,
      observer: {
        accepted: (events) => {
          for (const event of events) told.accept(event);
          this.#lanes.accepted(events);
        },
        recorded: (records) => {
          for (const record of records) told.record(record);
          this.acks.recorded(records);
          this.#lanes.recorded(records);
        },
        reopened: (deliveries) => {
          for (const { adapter, delivery, mayFollowNewer } of deliveries) {
            told.reopen(adapter, delivery);
            const standing = mayFollowNewer ? 'may_follow' : 'may_not_follow';
            this.facts.replayed.set(`${delivery.event.seq} at ${adapter}`, standing);
          }
          this.#lanes.reopened(deliveries);
        },
      },
      onFatal: () => {
        chronicle.must(!this.facts.hasFailed, 'a journal that fails says so once');
        this.facts.hasFailed = true;
      },
      onWritten: witness.see,
      onRequest: (request) => {
        chronicle.must(!this.facts.hasFailed, 'a journal that failed takes nothing more');
        if (request.kind === 'record') this.#seeRecord(request.record);
      },
    });
    this.acks = new Acks({ journal: this.journal, lastCursor: this.journal.info.lastCursor });
    this.cursors = new Cursors(this.journal.info.id);
  }

  get lanes(): Lanes {
    return this.#lanes;
  }

  get parts(): ReturnType<typeof createParts> {
    if (this.#parts === undefined) throw new Error('the process has not begun');
    return this.#parts;
  }

  /** Reads what is kept and starts the lanes; adapters start behind the open door. */
  async start(): Promise<void> {
    const { adapters, chronicle, time } = this.#options;
    const { journal } = this;
    const kept = Promise.all([journal.countDeliveries(), journal.readBreakers(), journal.readLanes()]);
    journal.backend.flush();
    const [totals, breakers, lanes] = await kept;
    this.#lanes = new Lanes(
      adapters.map((adapter) => {
        const total = totals.find((one) => one.adapter === adapter.id) ?? { unsettled: 0, deadLetters: 0 };
        const pause = lanes.find((lane) => lane.adapter === adapter.id)?.pause;
        return this.#createLane(adapter, { totals: total, pause });
      }),
    );
    for (const lane of this.#lanes) this.#restore(lane, breakers);
    const ids = adapters.map(({ id }) => id);
    const admission = new Admission({ nowMs: () => time.monotonicMs(), random: () => 0 });
    this.#parts = createParts(this, { adapters: ids, admission }, (fault) =>
      chronicle.must(false, `a request is carried out or refused, not: ${fault}`),
    );
    void this.#lanes.start();
    await settle();
  }

  /** As main.ts does on SIGTERM; what waits for the journal or an adapter goes on while the schedule does. */
  async stop(disconnectReaders: () => void): Promise<void> {
    const { facts, parts } = this;
    facts.isStopping = true;
    parts.intake.stop();
    await this.#lanes.drain(this.#options.drainMs);
    if (facts.isOver) return;
    disconnectReaders();
    facts.isClosed = true;
    await this.#lanes.close();
    if (facts.isOver) return;
    await this.journal.close();
    this.hasStopped = !facts.isOver;
  }

  /** It is gone, at whatever it was. */
  end(): void {
    const { time, calls } = this.#options;
    this.facts.isOver = true;
    this.journal.backend.kill();
    time.stopAll();
    for (const adapter of calls.values()) adapter.killAll();
  }

  /** What the lanes say of themselves is what is told and nothing else. */
  checkHealth(): void {
    for (const lane of this.#lanes) this.#watch.checkHealth(lane);
    const { time, chronicle, adapters } = this.#options;
    chronicle.must(time.timers <= adapters.length * LANE_TIMERS_MAX, `no timer is left behind, not ${time.timers}`);
  }

  /** Asked for, not on disk yet. */
  #seeRecord({ seq, adapter, state, attempt }: DeliveryRecord): void {
    const { chronicle } = this.#options;
    const isLetGo = attempt !== undefined && this.facts.isClosed;
    chronicle.must(!isLetGo, 'nothing is recorded of attempts that were let go');
    if (state !== 'dead_lettered' || attempt !== undefined) return;
    chronicle.meet('not sent');
    const place = `${seq} at ${adapter}`;
    const isTold = this.facts.replayed.get(place) === 'may_not_follow';
    chronicle.must(isTold, `event ${place} is not sent because it may not follow a newer one, and for nothing else`);
    this.facts.replayed.set(place, 'not_sent');
  }

  #laneFacts(id: string): HubLaneFacts {
    const condition = () => this.#lanes.get(id)?.health().breaker.condition ?? 'closed';
    return {
      condition,
      isReady: false,
      isPaused: false,
      isAsked: false,
      breaker: 'closed',
      probes: 0,
      failed: new Set(),
    };
  }

  #createLane(adapter: AdapterPlan, kept: Pick<LaneOptions, 'totals' | 'pause'>): Lane {
    const { time, dice, calls, isHealed } = this.#options;
    const mine = calls.get(adapter.id);
    if (mine === undefined) throw new Error(`nobody counts the calls of ${adapter.id}`);
    const runtime = new SimulatedRuntime({ plan: adapter, dice, calls: mine, facts: this.facts, isHealed });
    this.runtimes.set(adapter.id, runtime);
    const facts = this.facts.lanes.get(adapter.id);
    if (facts !== undefined) facts.isPaused = kept.pause !== undefined;
    if (dice.chance(0.6)) runtime.finishStart();
    const { lastSeq } = this.journal.info;
    return new Lane({
      adapter: { id: adapter.id, package: adapter.id, version: '1.0.0' },
      runtime,
      delivery: {},
      rules: { ...adapter.rules, recoveredToSeq: lastSeq },
      breakerPolicy: adapter.breaker,
      journal: this.journal,
      clock: time,
      seed: dice.between(0, 1_000_000),
      newestSeq: lastSeq,
      ...kept,
      deadLetters: this.told.deadLetters(adapter.id).filter(({ key }) => key !== ''),
      onHeld: (held) => this.acks.held(held),
      onChange: () => undefined,
      onBreakerChange: (report) => this.#watch.seeBreaker(adapter, report),
      onPause: () => this.#watch.seePause(adapter.id),
    });
  }

  #restore(lane: Lane, breakers: readonly StoredBreaker[]): void {
    const stored = breakers.find(({ adapter }) => adapter === lane.adapter.id);
    if (stored === undefined || stored.state === 'closed') return;
    this.#watch.restoring = stored;
    lane.restoreBreaker(stored);
    this.#watch.checkRestored(lane);
  }
}

function createParts(
  { journal, acks, cursors, lanes, facts: { time } }: HubProcess,
  options: { readonly adapters: readonly string[]; readonly admission: Admission },
  onFault: (fault: unknown) => void,
) {
  const wallMs = () => time.wallMs();
  const intake = new Intake({ ...options, adapters: () => options.adapters, journal, eventBytesMax: 1_024, wallMs });
  const shared = { journal, acks, lanes, cursors, wallMs };
  const feed = new EventFeed(shared);
  return { intake, feed, sync: createSyncService({ ...shared, intake, feed, onFault }) };
}
