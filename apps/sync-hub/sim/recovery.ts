import { LONGEST_RETRY_AFTER_MS } from '../../src/core/retry.ts';
import type { HubModel } from './model.ts';
import { isOpen } from './model.ts';
import type { HubWorld } from './world.ts';

/** Time for breakers to try again. */
const BREAKERS_MS_MAX = 60_000;
/** Things that may happen for each delivery before it is settled: without faults, far fewer do. */
const ROUNDS_PER_DELIVERY = 30;

/** The end of a schedule: no faults any more, so that everything settles, every reader reads on, and all is accounted
 * for. */
export class Recovery {
  readonly #world: HubWorld;

  constructor(world: HubWorld) {
    this.#world = world;
  }

  async run(): Promise<void> {
    const world = this.#world;
    world.disk.isFull = false;
    if (this.#mustRestart()) await world.restart(world.plan.adapters);
    await world.act(() => this.#resumeAll());
    const untilMs = world.time.monotonicMs() + this.#longestMs();
    const roundsMax = 200 + ROUNDS_PER_DELIVERY * world.model.events.length * world.plan.adapters.length;
    for (let round = 0; ; round += 1) {
      const next = this.#nextAction();
      if (next === undefined) break;
      await world.act(next);
      const isInTime = round < roundsMax && world.time.monotonicMs() < untilMs;
      if (!isInTime) throw new Error(`a promise is broken: all is delivered soon, also ${this.#open()}`);
    }
    await this.#checkEnd();
  }

  /** What stops goes on stopping, and an adapter that failed or is not configured needs a restart. */
  #mustRestart(): boolean {
    const { process, plan } = this.#world;
    const { facts, runtimes } = process;
    const hasFailed = runtimes.values().some(({ startedAs }) => startedAs === 'failed');
    return facts.isStopping || hasFailed || runtimes.size < plan.adapters.length;
  }

  /**
   * Twice the longest wait that an external system may ask for. When the clock was set back, a wait that is read again
   * from the journal begins again; in the smallest window that happens to one delivery after the other.
   */
  #longestMs(): number {
    const waits = 2 + (this.#world.plan.clockJumps ? this.#open().length : 0);
    return waits * LONGEST_RETRY_AFTER_MS + BREAKERS_MS_MAX;
  }

  #resumeAll(): void {
    const { process } = this.#world;
    for (const runtime of process.runtimes.values()) runtime.finishStart();
    for (const lane of process.lanes) {
      const known = process.facts.lanes.get(lane.adapter.id);
      if (known?.isPaused !== true) continue;
      known.isPaused = false;
      lane.resume();
    }
  }

  /** What has to happen next; undefined when nothing is left to happen. */
  #nextAction(): (() => unknown) | undefined {
    const { process, calls, readers, time, model } = this.#world;
    const { backend } = process.journal;
    if (backend.waiting + backend.untold > 0) return () => backend.flush();
    const live = [...calls.values()].flatMap((adapter) => [...adapter.live]);
    const call = live.find(({ signal }) => !signal.aborted) ?? live[0];
    if (call !== undefined) return () => process.runtimes.get(call.adapter)?.end(call);
    const isPaused = process.facts.lanes.values().some((lane) => lane.isPaused);
    if (isPaused) return () => this.#resumeAll();
    const behind = readers.find((reader) => !reader.isDone && !reader.isReading);
    if (behind !== undefined) return () => (behind.isConnected ? behind.read() : behind.watch(process));
    const undecided = this.#undecided();
    if (undecided !== undefined) return () => this.#world.operator.decide(process, undecided.adapter, undecided.seq);
    const isSettled = !model.events.some(({ deliveries }) => deliveries.some(isOpen));
    const byMs = time.nextAtMs - time.monotonicMs();
    return isSettled || !Number.isFinite(byMs) ? undefined : () => this.#world.passTime(Math.max(0, byMs));
  }

  /** A dead letter that holds its key, once nothing else can happen to its lane at this moment. */
  #undecided(): { readonly adapter: string; readonly seq: number } | undefined {
    const { plan, model } = this.#world;
    for (const { id, rules } of plan.adapters) {
      const [first] = rules.onDeadLetter === 'hold' ? model.deadLetters(id).filter(({ key }) => key !== '') : [];
      if (first !== undefined) return { adapter: id, seq: first.seq };
    }
    return undefined;
  }

  async #checkEnd(): Promise<void> {
    const { process, chronicle, readers, disk, publisher, model } = this.#world;
    chronicle.must(this.#open().length === 0, `all is delivered in the end, also ${this.#open()}`);
    for (const [id, { seq }] of publisher.accepted) {
      chronicle.must(model.byId(id)?.event.seq === seq, `${id} was accepted and is known`);
    }
    for (const lane of process.lanes) {
      const { inFlight, oldestUnsettledAgeMs } = lane.health();
      const isEmpty = inFlight === 0 && oldestUnsettledAgeMs === undefined;
      chronicle.must(isEmpty, `nothing is left in the window of ${lane.adapter.id}`);
      const stored = disk.breakers.get(lane.adapter.id)?.state ?? 'closed';
      chronicle.must(stored === lane.health().breaker.condition, `the breaker of ${lane.adapter.id} is kept as it is`);
    }
    for (const reader of readers) {
      const isThere = reader.isDone || reader.cursor === disk.records.length;
      chronicle.must(isThere, `a reader is told everything to the end, not to ${reader.cursor}`);
      reader.disconnect();
    }
    await this.#world.act(() => undefined);
    chronicle.must(process.acks.followed === 0, 'a reader who left is forgotten');
    await this.#world.act(() => undefined);
  }

  /** What is not settled, as "seq at adapter". */
  #open(): readonly string[] {
    return openDeliveries(this.#world.model);
  }
}

function openDeliveries(model: HubModel): readonly string[] {
  return model.events.flatMap(({ event, deliveries }) =>
    deliveries.filter(isOpen).map(({ adapter }) => `${event.seq} at ${adapter}`),
  );
}
