import type { Acceptance } from '../src/edges/publishing/intake.ts';
import { JournalModel, type ModelDelivery } from './model/model.ts';
import { Operator } from './operator.ts';
import { CallOracle } from './oracle/call-oracle.ts';
import { DiskOracle } from './oracle/disk-oracle.ts';
import { type AdapterPlan, type HubPlan, planHub } from './plan.ts';
import { HubProcess } from './process.ts';
import { Publisher } from './publisher.ts';
import { Rng } from './rng.ts';
import type { WorldHealth } from './simulated-adapter.ts';
import { SimulatedDisk } from './simulated-journal.ts';
import { SimulatedReader } from './simulated-reader.ts';
import { settle, VirtualTime } from './time.ts';
import { Trace } from './trace.ts';

/** Health is asked of opossum, which adds up its buckets each time. */
const HEALTH_EVERY = 8;
/** Nobody opens a lane in the millisecond in which somebody else had it: places in it lie microseconds ahead. */
const HAND_OVER_MS = 1;

/**
 * A whole hub in a world of faults that all come from one seed: its lanes with their breakers, its acks, its intake and
 * its journal with the SQL that ships are the real ones; time, the disk's commits, adapters, publishers, readers and
 * operators are simulated. It is killed, stopped and started again on the same database. After the faults it heals the
 * world and checks that every promise was kept.
 */
export class HubWorld {
  readonly plan: HubPlan;
  readonly rng: Rng;
  readonly trace: Trace;
  readonly disk = new SimulatedDisk();
  readonly time = new VirtualTime();
  /** What is on disk. */
  readonly model = new JournalModel();
  readonly calls: ReadonlyMap<string, CallOracle>;
  readonly readers: SimulatedReader[] = [];
  readonly publisher: Publisher;
  readonly diskOracle: DiskOracle;
  readonly health: WorldHealth = { isHealed: false, isCured: false };
  readonly #operator: Operator;
  /** As they are configured now. */
  adapters: readonly AdapterPlan[];
  #process: HubProcess | undefined;
  #takenOver: string | undefined;
  /** Actions, after each of which every promise was checked. */
  steps = 0;

  constructor(seed: number, print?: (line: string) => void) {
    this.trace = new Trace(print);
    this.rng = new Rng(seed);
    const { trace, model, rng } = this;
    this.plan = planHub(rng);
    const { plan } = this;
    this.adapters = plan.adapters;
    this.calls = new Map(plan.adapters.map((adapter) => [adapter.id, new CallOracle({ plan: adapter, trace, model })]));
    this.diskOracle = new DiskOracle({ trace, calls: this.calls, model, time: this.time });
    this.publisher = new Publisher({ plan, rng, trace, model });
    this.#operator = new Operator({ plan, rng, model, trace, calls: this.calls });
    for (let count = plan.readers; count > 0; count -= 1) this.readers.push(new SimulatedReader({ model, trace }));
  }

  get process(): HubProcess {
    if (this.#process === undefined) throw new Error('no hub runs');
    return this.#process;
  }

  /** Somebody else owns a lane at this moment. */
  get isTakenOver(): boolean {
    return this.#takenOver !== undefined;
  }

  /** One action, all that follows from it at once runs to its end, and every promise still holds. */
  async act(action: () => unknown): Promise<void> {
    this.steps += 1;
    await action();
    await settle();
    this.#check();
    const { hasStopped, facts } = this.process;
    if (hasStopped) this.trace.meet('stopped');
    if (hasStopped || facts.hasFailed) await this.restart(this.#configured());
  }

  /** Nothing of it runs any more. */
  end(): void {
    this.#process?.end();
    this.disk.close();
  }

  /** kill -9 unless it has ended, and up again: all that is not on disk is gone. */
  async restart(adapters: readonly AdapterPlan[]): Promise<void> {
    const waits = this.#process?.waits ?? new Map();
    this.#process?.end();
    await this.time.pass(HAND_OVER_MS, false);
    for (const reader of this.readers) reader.disconnect();
    this.trace.note(() => 'the hub starts');
    const { plan, time, rng, trace, disk, diskOracle, model, calls, health } = this;
    this.#takenOver = undefined;
    this.#process = new HubProcess({ plan, time, rng, trace, disk, diskOracle, model, calls, adapters, waits, health });
    await this.#process.start();
    this.#check();
  }

  /** Time passes; what is due by then happens. */
  async passTime(byMs: number): Promise<void> {
    this.trace.note(() => `${byMs} ms pass`);
    await this.time.pass(byMs, !this.health.isHealed && this.rng.chance(this.plan.lateTimers));
    for (const calls of this.calls.values()) calls.checkDeadlines(this.time.nowMs);
  }

  /** A dead letter holds its key: it is sent again, or discarded. */
  decide(dead: ModelDelivery): void {
    if (this.rng.chance(0.5)) this.#operator.replay(this.process, dead, true);
    else this.#operator.decide(this.process, dead.adapter, dead.event.seq);
  }

  #check(): void {
    if (this.steps % HEALTH_EVERY === 0) this.process.checkHealth();
    if (this.trace.violation !== undefined) throw new Error(this.trace.violation);
  }

  /** What can happen next; an action that is here twice happens twice as often. */
  createActions(): readonly (() => unknown)[] {
    const { plan } = this;
    const isOperated = plan.probes || plan.replays || plan.discards;
    const weighted: [number, () => unknown][] = [
      [12, () => this.#publish()],
      [26, () => this.#commit()],
      [30, () => this.#endCall()],
      [10, () => this.passTime(this.rng.between(0, 300))],
      [plan.longWaits ? 3 : 0, () => this.#leap()],
      [14, () => this.#read()],
      [4, () => this.rng.pick([...this.process.adapters.values()])?.finishStart()],
      [2, () => this.rng.pick([...this.process.adapters.values()])?.exit()],
      [3, () => this.#operator.ask(this.process)],
      [plan.pauses ? 3 : 0, () => void this.#operator.pauseOrResume(this.process)],
      [isOperated ? 9 : 0, () => this.#operator.operate(this.process)],
      [plan.clockJumps ? 2 : 0, () => this.time.jumpWall(this.rng.pick([-86_400_000, -1_000, 1_000, 86_400_000]))],
      [plan.fullDisks ? 2 : 0, () => this.#changeDisk()],
      [plan.ioErrors ? 1 : 0, () => this.#failDisk()],
      [plan.takeovers ? 3 : 0, () => this.#takeOver()],
      [plan.kills ? 1 : 0, () => this.#kill()],
      [plan.stops ? 1 : 0, () => this.#stop()],
    ];
    return weighted.flatMap(([weight, action]) => new Array<() => unknown>(weight).fill(action));
  }

  #publish(): void {
    this.publisher.publish(this.process, (acceptance) => {
      if (this.rng.chance(0.3)) this.#follow(acceptance);
    });
  }

  #follow(acceptance: Acceptance): void {
    const { model, trace, rng } = this;
    const reader = new SimulatedReader({ model, trace, event: acceptance.event });
    this.readers.push(reader);
    if (rng.chance(0.7)) reader.follow(this.process, acceptance, rng.pick(['settled', 'settled', 'first_attempt']));
    trace.meet('followed');
  }

  #commit(): void {
    const { commits } = this.process.journal;
    if (commits.waiting > 0) commits.write(this.rng.between(1, commits.waiting));
    if (this.rng.chance(0.8)) commits.report();
  }

  #endCall(): void {
    const live = [...this.calls.values()].flatMap((calls) => [...calls.live]);
    const call = this.rng.pick(live.filter((one) => !one.hangs));
    if (call === undefined) return;
    this.trace.meet(call.signal.aborted ? 'returned late' : 'returned');
    this.process.adapters.get(call.adapter)?.end(call);
  }

  async #leap(): Promise<void> {
    const byMs = this.time.nextAtMs - this.time.nowMs;
    if (Number.isFinite(byMs)) await this.passTime(Math.max(0, byMs));
  }

  #read(): void {
    const reader = this.rng.pick(this.readers.filter(({ isDone }) => !isDone));
    if (reader === undefined) return;
    if (!reader.isConnected) reader.watch(this.process);
    else if (this.rng.chance(this.plan.disconnects)) reader.disconnect();
    else reader.read();
  }

  #changeDisk(): void {
    this.disk.isFull = !this.disk.isFull;
  }

  /** What the last commit held is on disk or not: nothing reports either. */
  #failDisk(): void {
    this.#tear();
    this.trace.meet('disk failed');
    this.process.journal.commits.fail();
    // Nothing of what still comes reaches the disk.
    this.#publish();
    this.#operator.ask(this.process);
    this.#endCall();
  }

  /** Somebody else opens a lane; later it is this hub's again. */
  async #takeOver(): Promise<void> {
    const { facts, lanes } = this.process;
    if (facts.isStopping || facts.isClosed) return;
    await this.passTime(HAND_OVER_MS);
    if (this.#takenOver === undefined) {
      this.#takenOver = this.rng.pick([...lanes])?.adapter.id;
      if (this.#takenOver !== undefined) this.process.loseLane(this.#takenOver);
    } else {
      const id = this.#takenOver;
      this.#takenOver = undefined;
      await this.process.reopenLane(id);
    }
  }

  async #kill(): Promise<void> {
    this.#tear();
    this.trace.meet('killed');
    await this.restart(this.#configured());
  }

  /** A commit was on its way: its transaction is on disk as a whole or not at all. */
  #tear(): void {
    const { commits } = this.process.journal;
    if (commits.waiting > 0 && this.rng.chance(0.5)) commits.write(this.rng.between(1, commits.waiting));
  }

  #stop(): void {
    if (this.process.facts.isStopping) return;
    void this.process.stop(() => {
      for (const reader of this.readers) reader.disconnect();
    });
  }

  #configured(): readonly AdapterPlan[] {
    const { reconfigures, changesHold } = this.plan;
    const { rng } = this;
    if (changesHold) {
      this.adapters = this.adapters.map((adapter) => {
        const other = adapter.onDeadLetter === 'hold' ? 'continue' : 'hold';
        return rng.chance(0.3) ? { ...adapter, onDeadLetter: other } : adapter;
      });
    }
    return reconfigures && !this.health.isHealed ? this.adapters.filter(() => rng.chance(0.7)) : this.adapters;
  }
}
