import type { BreakerPolicy } from '../core/breaker-policy.ts';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import { deliveryHeldBy, laneHeldBy } from '../core/gate.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import {
  createLane,
  type FetchEffect,
  type HeldBy,
  type LaneEffect,
  type LaneInput,
  type LaneRules,
  type LaneState,
  type PauseCause,
} from '../core/lane.ts';
import { nextWakeMs, step } from '../core/step.ts';
import { type Journal, JournalError } from '../journal/journal.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import { Alarm } from './alarm.ts';
import { Breaker, type BreakerReport } from './breaker.ts';
import type { Clock } from './clock.ts';
import { ContainedRuntime } from './contained-runtime.ts';
import { deliveryRecord } from './delivery-record.ts';
import { idempotencyKey } from './idempotency-key.ts';
import type { LaneHealth } from './lane-health.ts';
import { LiveAttempts } from './live-attempts.ts';

export interface LaneOptions {
  readonly adapter: { readonly id: string; readonly package: string; readonly version: string };
  readonly runtime: Runtime;
  /** What the operator set goes before what the adapter asks for. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly rules: LaneRules;
  readonly breakerPolicy: BreakerPolicy;
  readonly journal: Pick<Journal, 'fetchOpen' | 'record' | 'saveBreaker'>;
  readonly clock: Clock;
  /** Where the generator for jitter begins. */
  readonly seed: number;
  /** The newest event in the journal. */
  readonly newestSeq: number;
  readonly totals: { readonly unsettled: number; readonly deadLetters: number };
  /** Told of deliveries that may not be attempted now. */
  readonly onHeld: (held: HeldDelivery) => void;
  /** Called when health() would say something new about state or breaker. */
  readonly onChange: () => void;
  /** Called on every transition of the breaker, for the log. */
  readonly onBreakerChange?: (breaker: BreakerReport) => void;
  /** Called when the lane paused itself, for the log. */
  readonly onPause?: (cause: PauseCause) => void;
}

/**
 * Everything that belongs to one adapter: performs what the core decides. All that happens to it (events, outcomes,
 * records, the breaker, time) becomes an input of `step`; each effect becomes one call of a port.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #state: LaneState;
  readonly #runtime: Runtime;
  readonly #breaker: Breaker;
  readonly #attempts: LiveAttempts;
  readonly #alarm: Alarm;
  readonly #idle = Promise.withResolvers<void>();
  #start: RuntimeStart | undefined;
  #unsettled: number;
  #deadLetters: number;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#unsettled = options.totals.unsettled;
    this.#deadLetters = options.totals.deadLetters;
    this.#state = createLane(options.rules, { seed: options.seed, newestSeq: options.newestSeq });
    this.#breaker = new Breaker({
      policy: options.breakerPolicy,
      clock: options.clock,
      onChange: (breaker) => {
        this.#take({ kind: 'breaker_changed', atMs: this.#nowMs(), breaker });
        this.#keepBreaker();
        options.onChange();
      },
    });
    this.#runtime = new ContainedRuntime(options.runtime);
    this.#attempts = new LiveAttempts({
      runtime: this.#runtime,
      breaker: this.#breaker,
      onEnd: (seq, outcome) => this.#take({ kind: 'attempt_ended', atMs: this.#nowMs(), seq, outcome }),
    });
    this.#alarm = new Alarm(options.clock, () => this.#take({ kind: 'time_passed', atMs: this.#nowMs() }));
  }

  get adapter(): LaneOptions['adapter'] {
    return this.#options.adapter;
  }

  get runtimeKind(): Runtime['kind'] {
    return this.#runtime.kind;
  }

  /** Begins to read the backlog and starts the adapter; resolves when that is ready or has failed. */
  async start(): Promise<void> {
    this.#take({ kind: 'time_passed', atMs: this.#nowMs() });
    const start = await this.#runtime.start();
    this.#start = start;
    if (start.kind === 'ready') {
      const { concurrency = start.concurrency, timeoutMs = start.attemptTimeoutMs } = this.#options.delivery;
      const runtime = { ...start, concurrency, attemptTimeoutMs: timeoutMs };
      this.#take({ kind: 'runtime_changed', atMs: this.#nowMs(), runtime });
    }
    this.#options.onChange();
  }

  /** Goes on with the breaker as it was when the hub stopped. */
  restoreBreaker(stored: { readonly cause: string; readonly sinceMs: number }): void {
    this.#breaker.reopen(stored);
  }

  /** Events were accepted, in this order; those that are not for this adapter are passed over. */
  accepted(events: readonly AcceptedEvent[]): void {
    const mine = events.filter((event) => event.adapters.includes(this.adapter.id));
    if (mine.length === 0) return;
    this.#unsettled += mine.length;
    const deliveries = mine.map((event) => ({ event, cycle: 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0 }));
    this.#take({ kind: 'arrived', atMs: this.#nowMs(), deliveries });
  }

  /** What the lane asked to record is on disk. */
  recorded(record: RecordedDelivery): void {
    if (record.state !== 'retrying') this.#unsettled -= 1;
    if (record.state === 'dead_lettered') this.#deadLetters += 1;
    this.#take({ kind: 'recorded', atMs: this.#nowMs(), seq: record.seq });
  }

  pause(cause: PauseCause): void {
    this.#take({ kind: 'paused', atMs: this.#nowMs(), cause });
    this.#options.onChange();
  }

  resume(): void {
    this.#take({ kind: 'resumed', atMs: this.#nowMs() });
    this.#options.onChange();
  }

  /** What keeps a delivery that is not settled from being attempted; undefined when nothing does. */
  heldBy(seq: number): HeldBy | undefined {
    const delivery = this.#state.deliveries.get(seq);
    const nowMs = this.#nowMs();
    return delivery === undefined ? laneHeldBy(this.#state, nowMs) : deliveryHeldBy(this.#state, delivery, nowMs);
  }

  health(): LaneHealth {
    const oldest = Iterator.from(this.#state.deliveries.values()).reduce(
      (earliestMs, { event }) => Math.min(earliestMs, event.acceptedAtMs),
      Number.POSITIVE_INFINITY,
    );
    return {
      ...this.#condition(),
      breaker: this.#breaker.report,
      waiting: this.#unsettled,
      inFlight: this.#state.attempting.size + this.#state.overdue,
      oldestUnsettledAgeMs: Number.isFinite(oldest) ? Math.max(0, this.#options.clock.wallMs() - oldest) : undefined,
      deadLetters: this.#deadLetters,
    };
  }

  /** Begins nothing new; resolves when what runs has ended and is recorded, or after the time. */
  async drain(withinMs: number): Promise<void> {
    this.#take({ kind: 'draining', atMs: this.#nowMs() });
    this.#options.onChange();
    const { promise: timeIsUp, resolve } = Promise.withResolvers<void>();
    const takeBack = this.#options.clock.startTimer(withinMs, resolve);
    await Promise.race([this.#idle.promise, timeIsUp]);
    takeBack();
  }

  /** Lets go of everything, whatever still runs: its deliveries go on from the journal when the hub starts again. */
  async close(): Promise<void> {
    this.#take({ kind: 'draining', atMs: this.#nowMs() });
    this.#alarm.stop();
    this.#breaker.close();
    this.#attempts.abandon();
    await this.#runtime.close();
  }

  #take(input: LaneInput): void {
    for (const effect of step(this.#state, input)) this.#perform(effect);
    this.#alarm.ringBy(nextWakeMs(this.#state));
    if (this.#state.draining && this.#isIdle()) this.#idle.resolve();
  }

  #perform(effect: LaneEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#attempt(effect);
        break;
      case 'abort':
        this.#attempts.expire(effect.seq);
        break;
      case 'record': {
        const { adapter } = this;
        this.#options.journal.record(deliveryRecord(effect, { adapter, nowMs: this.#options.clock.wallMs() }));
        break;
      }
      case 'fetch':
        void this.#fetch(effect);
        break;
      case 'tell_held':
        this.#tellHeld(effect);
        break;
      case 'tell_paused':
        this.#options.onPause?.(effect.cause);
        this.#options.onChange();
        break;
      default:
        effect satisfies never;
    }
  }

  #attempt({ event, number, redelivered, timeoutMs }: LaneEffect & { kind: 'attempt' }): void {
    const key = idempotencyKey(event.id, this.adapter.id);
    this.#attempts.begin({ event, idempotencyKey: key, number, redelivered, timeoutMs });
  }

  #tellHeld({ event, counts, heldBy }: LaneEffect & { kind: 'tell_held' }): void {
    const { id: adapter } = this.adapter;
    const atMs = this.#options.clock.wallMs();
    this.#options.onHeld({ adapter, seq: event.seq, eventId: event.id, heldBy, atMs, ...counts });
  }

  async #fetch(effect: FetchEffect): Promise<void> {
    const { afterSeq, overflowOf, limit, limitBytes } = effect;
    const request = { adapter: this.adapter.id, afterSeq, limit, limitBytes, ...overflowOf };
    const page = await this.#options.journal.fetchOpen(request).catch(unlessJournalEnded);
    if (page === undefined) return;
    const nowMs = this.#options.clock.wallMs();
    const deliveries = page.deliveries.map((delivery) => ({ delivery, delayMs: delivery.notBeforeMs - nowMs }));
    const { scannedToSeq } = page;
    this.#take({ kind: 'fetched', atMs: this.#nowMs(), fetch: effect, deliveries, scannedToSeq });
  }

  #keepBreaker(): void {
    const { report } = this.#breaker;
    const { condition: state, sinceMs, cause } = report;
    this.#options.onBreakerChange?.(report);
    this.#options.journal.saveBreaker({ adapter: this.adapter.id, state, sinceMs, cause });
  }

  #condition(): Pick<LaneHealth, 'state' | 'reason'> {
    const { pause, draining } = this.#state;
    if (this.#start === undefined) return { state: 'starting', reason: '' };
    if (this.#start.kind !== 'ready') return { state: this.#start.kind, reason: this.#start.reason };
    if (draining) return { state: 'draining', reason: '' };
    switch (pause?.kind) {
      case undefined:
        return { state: 'ready', reason: '' };
      case 'operator':
        return { state: 'paused', reason: pause.reason };
      case 'misconfigured':
        return {
          state: 'paused',
          reason: `${pause.failure.code}: ${pause.failure.message}; mend the adapter's configuration and restart the hub`,
        };
      default:
        return pause satisfies never;
    }
  }

  #isIdle(): boolean {
    const { attempting, overdue, unrecorded } = this.#state;
    return attempting.size === 0 && overdue === 0 && unrecorded === 0;
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

/** A journal that failed or was closed has told the hub so; the lane has nothing to add. */
function unlessJournalEnded(error: unknown): undefined {
  if (!(error instanceof JournalError)) throw error;
}
