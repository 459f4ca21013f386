import type { Intaken } from '../../src/edges/intake.ts';
import { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import { Dice } from '../dice.ts';
import { Calls } from './calls.ts';
import { Chronicle } from './chronicle.ts';
import { DiskWitness } from './disk-witness.ts';
import { HubModel } from './model.ts';
import { HubOperator } from './operator.ts';
import { type AdapterPlan, type HubPlan, planHub } from './plan.ts';
import { HubProcess } from './process.ts';
import { HubPublisher } from './publisher.ts';
import { SimulatedReader } from './reader.ts';
import { Recovery } from './recovery.ts';
import { replaceGlobals, settle, VirtualTime } from './time.ts';

/** Health is asked of opossum, which adds up its buckets each time. */
const HEALTH_EVERY = 8;

/**
 * A whole hub in a world of faults that all come from one seed: its lanes with their breakers, its acks and its
 * intake are the real ones; time, the disk, adapters, publishers, readers and operators are simulated. It is killed,
 * stopped and started again on the same disk. After the faults it heals the world and sees to it that every promise
 * was kept.
 */
export class HubWorld {
  readonly plan: HubPlan;
  readonly dice: Dice;
  readonly chronicle = new Chronicle();
  readonly disk = new MemoryDisk();
  readonly time = new VirtualTime();
  /** What is on disk. */
  readonly model = new HubModel();
  readonly calls: ReadonlyMap<string, Calls>;
  readonly readers: SimulatedReader[] = [];
  readonly publisher: HubPublisher;
  readonly #witness: DiskWitness;
  readonly operator: HubOperator;
  #process: HubProcess | undefined;
  #isHealed = false;
  /** Things that happened, after each of which every promise was looked at. */
  steps = 0;

  constructor(seed: number) {
    const { chronicle, disk, model } = this;
    this.dice = new Dice(seed);
    const { dice } = this;
    this.plan = planHub(dice);
    const { plan } = this;
    this.calls = new Map(plan.adapters.map((adapter) => [adapter.id, new Calls({ plan: adapter, chronicle, model })]));
    this.#witness = new DiskWitness({ disk, chronicle, calls: this.calls, model });
    this.publisher = new HubPublisher({ plan, dice, disk, chronicle });
    this.operator = new HubOperator({ dice, model, chronicle });
    for (let count = plan.readers; count > 0; count -= 1) this.readers.push(new SimulatedReader({ disk, chronicle }));
  }

  /**
   * Plays the schedule to its end.
   *
   * @returns what was met and how often, in the order in which it was first met
   * @throws {Error} that names the promise that was broken
   */
  async run(): Promise<ReadonlyMap<string, number>> {
    const restoreGlobals = replaceGlobals(this.time);
    const onFault = (fault: unknown) => this.chronicle.must(false, `the hub has no fault of its own: ${fault}`);
    process.on('unhandledRejection', onFault);
    try {
      await this.restart(this.plan.adapters);
      const actions = this.#createActions();
      for (let count = this.plan.actions; count > 0; count -= 1) await this.act(() => this.dice.pick(actions)?.());
      this.#isHealed = true;
      await new Recovery(this).run();
    } finally {
      process.off('unhandledRejection', onFault);
      restoreGlobals();
    }
    return this.chronicle.met;
  }

  get process(): HubProcess {
    if (this.#process === undefined) throw new Error('no hub runs');
    return this.#process;
  }

  get isHealed(): boolean {
    return this.#isHealed;
  }

  /** One thing happens, all that follows from it at once runs to its end, and every promise still holds. */
  async act(action: () => unknown): Promise<void> {
    this.steps += 1;
    await action();
    await settle();
    this.#check();
    const { hasStopped, facts } = this.process;
    if (hasStopped) this.chronicle.meet('stopped');
    if (hasStopped || facts.hasFailed) await this.restart(this.#configured());
  }

  /** kill -9 unless it has ended, and up again: all that is not on disk is gone. */
  async restart(adapters: readonly AdapterPlan[]): Promise<void> {
    this.#process?.end();
    for (const reader of this.readers) reader.disconnect();
    const { time, dice, chronicle, disk, calls, model } = this;
    this.#process = new HubProcess({
      ...{ time, dice, chronicle, disk, calls, adapters },
      witness: this.#witness,
      told: model.copy(),
      drainMs: this.plan.drainMs,
      isHealed: () => this.#isHealed,
    });
    await this.#process.start();
    this.#check();
  }

  /** Time goes on; what is due by then happens. */
  async passTime(byMs: number): Promise<void> {
    await this.time.pass(byMs, !this.#isHealed && this.dice.chance(this.plan.lateTimers));
    for (const calls of this.calls.values()) calls.checkDeadlines(this.time.monotonicMs());
  }

  #check(): void {
    if (this.steps % HEALTH_EVERY === 0) this.process.checkHealth();
    if (this.chronicle.breach !== undefined) throw new Error(this.chronicle.breach);
  }

  /** What can happen next; a thing that is here twice happens twice as often. */
  #createActions(): readonly (() => unknown)[] {
    const { plan } = this;
    const weighted: [number, () => unknown][] = [
      [12, () => this.#publish()],
      [26, () => this.#commit()],
      [30, () => this.#endCall()],
      [10, () => this.passTime(this.dice.between(0, 300))],
      [plan.longWaits ? 3 : 0, () => this.#leap()],
      [14, () => this.#read()],
      [4, () => this.dice.pick([...this.process.runtimes.values()])?.finishStart()],
      [2, () => this.dice.pick([...this.process.runtimes.values()])?.exit()],
      [3, () => this.operator.ask(this.process)],
      [plan.pauses ? 3 : 0, () => void this.operator.pauseOrResume(this.process)],
      [plan.operators ? 3 : 0, () => this.operator.operate(this.process)],
      [plan.clockJumps ? 2 : 0, () => this.time.jumpWall(this.dice.pick([-86_400_000, -1_000, 1_000, 86_400_000]))],
      [plan.fullDisks ? 2 : 0, () => this.#changeDisk()],
      [plan.ioErrors ? 1 : 0, () => this.#failDisk()],
      [plan.kills ? 1 : 0, () => this.#kill()],
      [plan.stops ? 1 : 0, () => this.#stop()],
    ];
    return weighted.flatMap(([weight, action]) => new Array<() => unknown>(weight).fill(action));
  }

  #publish(): void {
    this.publisher.publish(this.process, (intaken) => {
      if (this.dice.chance(0.3)) this.#follow(intaken);
    });
  }

  #follow(intaken: Intaken): void {
    const { disk, chronicle, dice } = this;
    const reader = new SimulatedReader({ disk, chronicle, eventIds: [intaken.event.id] });
    this.readers.push(reader);
    if (dice.chance(0.7)) reader.follow(this.process, intaken, dice.pick(['settled', 'settled', 'first_attempt']));
    this.chronicle.meet('followed');
  }

  #commit(): void {
    const { backend } = this.process.journal;
    if (backend.waiting > 0) backend.write(this.dice.between(1, backend.waiting));
    if (this.dice.chance(0.8)) backend.tell();
  }

  #endCall(): void {
    const live = [...this.calls.values()].flatMap((calls) => [...calls.live]);
    const call = this.dice.pick(live.filter(({ hangs }) => !hangs));
    if (call === undefined) return;
    this.chronicle.meet(call.signal.aborted ? 'returned late' : 'returned');
    this.process.runtimes.get(call.adapter)?.end(call);
  }

  async #leap(): Promise<void> {
    const byMs = this.time.nextAtMs - this.time.monotonicMs();
    if (Number.isFinite(byMs)) await this.passTime(Math.max(0, byMs));
  }

  #read(): void {
    const reader = this.dice.pick(this.readers.filter(({ isDone }) => !isDone));
    if (reader === undefined) return;
    if (!reader.isConnected) reader.watch(this.process);
    else if (this.dice.chance(this.plan.disconnects)) reader.disconnect();
    else reader.read();
  }

  #changeDisk(): void {
    this.disk.isFull = !this.disk.isFull;
  }

  /** What the last commit held is on disk or not: nobody hears of either. */
  #failDisk(): void {
    const { backend } = this.process.journal;
    this.#tear();
    this.chronicle.meet('disk failed');
    backend.fail();
    // Nothing of what still comes reaches the disk.
    this.#publish();
    this.operator.ask(this.process);
    this.#endCall();
  }

  async #kill(): Promise<void> {
    this.#tear();
    this.chronicle.meet('killed');
    await this.restart(this.#configured());
  }

  /** A commit was on its way: its transaction is on disk as a whole or not at all. */
  #tear(): void {
    const { backend } = this.process.journal;
    if (backend.waiting > 0 && this.dice.chance(0.5)) backend.write(this.dice.between(1, backend.waiting));
  }

  #stop(): void {
    if (this.process.facts.isStopping) return;
    void this.process.stop(() => {
      for (const reader of this.readers) reader.disconnect();
    });
  }

  #configured(): readonly AdapterPlan[] {
    const { adapters, reconfigures } = this.plan;
    return reconfigures && !this.#isHealed ? adapters.filter(() => this.dice.chance(0.7)) : adapters;
  }
}
