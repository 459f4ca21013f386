import { isOpen } from '../src/core/delivery.ts';
import { LONGEST_RETRY_AFTER_MS } from '../src/core/retry.ts';
import type { ModelDelivery } from './model/model.ts';
import type { HubWorld } from './world.ts';

/** Time for breakers to try again. */
const BREAKERS_MS_MAX = 60_000;
/** How long a breaker stays open at the most. */
const PROBE_MS = 15_000;
/** Without faults, what is ready is attempted sooner than this. */
const READY_MS_MAX = 120_000;
/** Actions for each delivery before it is settled: without faults, far fewer do. */
const ROUNDS_PER_DELIVERY = 30;

/** The end of a schedule: no faults any more, so that everything settles, every reader reads on, and all is accounted
 * for. */
export class Recovery {
  readonly #world: HubWorld;

  #curedAtMs = Number.POSITIVE_INFINITY;
  /** By adapter and seq. */
  readonly #readySinceMs = new Map<string, ReadonlyMap<number, number>>();

  constructor(world: HubWorld) {
    this.#world = world;
  }

  async run(): Promise<void> {
    const world = this.#world;
    world.disk.isFull = false;
    world.trace.note(() => 'the world heals');
    if (this.#mustRestart()) await world.restart(world.adapters);
    await world.act(() => this.#resumeAll());
    const isPoisoned = world.plan.poison > 0 && world.plan.adapters.every(({ poison }) => poison === 'retryable');
    if (isPoisoned) await this.#settle('what is not poisonous is delivered', () => this.#isGoodDone());
    world.health.isCured = true;
    this.#curedAtMs = world.time.nowMs;
    await this.#settle('all is delivered soon', () => false);
    await this.#checkEnd();
  }

  /** What stops goes on stopping, an adapter that failed or is not configured needs a restart, and so does a lane that
   * somebody else opened. */
  #mustRestart(): boolean {
    const { process, adapters: configured } = this.#world;
    const { facts, adapters } = process;
    const hasFailed = adapters.values().some(({ startedAs }) => startedAs === 'failed');
    const isLost = facts.lanes.values().some((lane) => lane.isLost || lane.isClosed);
    return facts.isStopping || hasFailed || isLost || adapters.size < configured.length || this.#world.isTakenOver;
  }

  /**
   * Until nothing is left to happen, in bounded time: all waits pass together, and none is longer than an external
   * system may ask for, whatever was done to the clock.
   */
  async #settle(what: string, isDone: () => boolean): Promise<void> {
    const { time, plan, model } = this.#world;
    const deliveries = model.adapters.reduce((sum, adapter) => sum + model.deliveriesAt(adapter).length, 0);
    // Where many are poisonous, a breaker tries one after the other before it is the turn of a good one.
    const probesMs = plan.poison > 0 ? deliveries * PROBE_MS : 0;
    const untilMs = time.nowMs + LONGEST_RETRY_AFTER_MS + BREAKERS_MS_MAX + probesMs;
    const roundsMax = 300 + ROUNDS_PER_DELIVERY * deliveries * (plan.poison > 0 ? 10 : 1);
    for (let round = 0; !isDone(); round += 1) {
      const next = this.#nextAction();
      if (next === undefined) return;
      await this.#world.act(next);
      this.#checkReady();
      const isInTime = round < roundsMax && time.nowMs < untilMs;
      if (!isInTime) throw new Error(`a promise is broken: ${what}, also ${this.#forgotten()}`);
    }
  }

  /** Nothing that is ready waits longer than it must: while its lane is throttled, or code that never returns has its key. */
  #checkReady(): void {
    const { time, model, process, trace } = this.#world;
    if (time.nowMs < this.#curedAtMs) return;
    for (const { plan, throttledAtMostUntilMs } of process.facts.lanes.values()) {
      const isThrottled = throttledAtMostUntilMs > time.nowMs;
      const ready = isThrottled ? [] : model.ready(plan.id, time.monotonicMs());
      const before = this.#readySinceMs.get(plan.id) ?? new Map<number, number>();
      const sinceMs = new Map(ready.map(({ event: { seq } }) => [seq, before.get(seq) ?? time.nowMs]));
      this.#readySinceMs.set(plan.id, sinceMs);
      for (const delivery of ready) {
        const { seq } = delivery.event;
        const waitedMs = time.nowMs - (sinceMs.get(seq) ?? 0);
        const isKept = waitedMs < READY_MS_MAX || this.#isHanging(delivery);
        trace.must(isKept, `event ${seq} at ${plan.id} is attempted soon, not ready for ${waitedMs} ms`);
      }
    }
  }

  #resumeAll(): void {
    const { process } = this.#world;
    for (const adapter of process.adapters.values()) adapter.finishStart();
    for (const lane of process.lanes) {
      const facts = process.facts.lanes.get(lane.adapter.id);
      if (facts?.isPaused !== true) continue;
      facts.isPaused = false;
      lane.resume();
    }
  }

  /** What has to happen next; undefined when nothing is left to happen. */
  #nextAction(): (() => unknown) | undefined {
    const { process, calls, readers, time } = this.#world;
    const { commits } = process.journal;
    if (commits.unreported > 0) return () => commits.report();
    if (commits.waiting > 0) return () => commits.write(commits.waiting);
    const live = [...calls.values()].flatMap((adapter) => [...adapter.live]);
    const ending = live.filter((call) => process.adapters.get(call.adapter)?.mayEnd(call) === true);
    const call = ending.find(({ signal }) => !signal.aborted) ?? ending[0];
    if (call !== undefined) return () => process.adapters.get(call.adapter)?.end(call);
    const isHalted = process.facts.lanes.values().some((lane) => lane.isPaused || !lane.isReady);
    if (isHalted) return () => this.#resumeAll();
    const behind = readers.find((reader) => !reader.isDone && !reader.isReading);
    if (behind !== undefined) return () => (behind.isConnected ? behind.read() : behind.watch(process));
    const undecided = this.#undecided();
    if (undecided !== undefined) return () => this.#world.decide(undecided);
    const byMs = time.nextAtMs - time.nowMs;
    const isSettled = this.#forgotten().length === 0 && live.every(({ signal }) => signal.aborted);
    return isSettled || !Number.isFinite(byMs) ? undefined : () => this.#world.passTime(Math.max(0, byMs));
  }

  /** A dead letter that holds its key, once nothing else can happen to its lane at this moment. */
  #undecided(): ModelDelivery | undefined {
    const { model, process } = this.#world;
    for (const { plan } of process.facts.lanes.values()) {
      const dead = plan.onDeadLetter === 'hold' ? model.deadLetters(plan.id) : [];
      const holding = dead.find(({ event }) => model.openAfter(event, plan.id).length > 0);
      if (holding !== undefined) return holding;
    }
    return undefined;
  }

  /** True when only what fails is left or waits long, and what comes after it with its key, or behind code that does not
   * return. */
  #isGoodDone(): boolean {
    const { model, calls, process, time } = this.#world;
    const soonMs = time.monotonicMs() + BREAKERS_MS_MAX;
    const isHanging = calls.values().some(({ live }) => [...live].some(({ hangs }) => hangs));
    if (isHanging) return true;
    return [...process.facts.lanes.keys()].every((adapter) => {
      const blocked = new Set<string>();
      return model.deliveriesAt(adapter).every(({ event, state, dueAtMs }) => {
        const isPoison = event.attributes.poison !== undefined;
        const isBad = isPoison || dueAtMs > soonMs || blocked.has(event.key) || state === 'dead_lettered';
        if (isBad && event.key !== '' && state !== 'delivered') blocked.add(event.key);
        return isBad || !isOpen(state);
      });
    });
  }

  async #checkEnd(): Promise<void> {
    const { process, trace, readers, publisher, model, diskOracle } = this.#world;
    const forgotten = this.#forgotten();
    trace.must(forgotten.length === 0, `all is delivered in the end, also ${forgotten}`);
    for (const { seq, ...identity } of publisher.accepted) {
      trace.must(model.byIdentity(identity)?.seq === seq, `${identity.id} was accepted and is known`);
    }
    trace.must(process.facts.unanswered.size === 0, 'whoever asked has an answer');
    for (const lane of process.lanes) {
      const { id } = lane.adapter;
      const { inFlight, breaker } = lane.health();
      const hanging = this.#world.calls.get(id)?.live.size ?? 0;
      trace.must(inFlight === hanging, `nothing runs in the lane of ${id}`);
      const stored = diskOracle.breakers.get(id)?.state ?? 'closed';
      trace.must(stored === breaker.condition, `the breaker of ${id} is kept as it is`);
    }
    for (const reader of readers) {
      trace.must(reader.isDone || reader.hasReadAll, 'a reader gets everything to the end');
      reader.disconnect();
    }
    await this.#world.act(() => undefined);
    trace.must(process.acks.followed === 0, 'a reader who left is forgotten');
    await this.#world.act(() => undefined);
  }

  /** Code that never returns holds it, or an earlier one of its key. */
  #isHanging({ event, adapter }: ModelDelivery): boolean {
    const hanging = [...(this.#world.calls.get(adapter)?.live ?? [])].filter(({ hangs }) => hangs);
    return hanging.some(
      ({ attempt }) => attempt.event.seq === event.seq || (event.key !== '' && attempt.event.key === event.key),
    );
  }

  /** What is not settled and has no reason not to be, as "seq at adapter": code that never returns holds its key. */
  #forgotten(): readonly string[] {
    const { model, process } = this.#world;
    return [...process.facts.lanes.keys()].flatMap((adapter) => {
      const open = model.deliveriesAt(adapter).filter(({ state }) => isOpen(state));
      return open.filter((delivery) => !this.#isHanging(delivery)).map(({ event }) => `${event.seq} at ${adapter}`);
    });
  }
}
