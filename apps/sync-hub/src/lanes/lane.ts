import type { OpenDelivery, RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import { eventHeldBy } from '../core/gate.ts';
import { createLane, type HeldBy, type LaneState, type PauseCause } from '../core/lane.ts';
import type { FetchEffect, LaneEffect, LookUpEffect } from '../core/lane-effect.ts';
import type { LaneInput } from '../core/lane-input.ts';
import { isRecording } from '../core/outside.ts';
import { nextProbe } from '../core/probe.ts';
import { isIdle, nextWakeMs, step } from '../core/step.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import { AdapterVersion } from './adapter-version.ts';
import { AdapterVersions } from './adapter-versions.ts';
import { Alarm } from './alarm.ts';
import { Breaker } from './breaker.ts';
import { atTheLatest } from './clock.ts';
import { heldDelivery } from './delivery-record.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { type LaneHealth, laneStanding, laneWaits } from './lane-health.ts';
import { LaneJournal } from './lane-journal.ts';
import type { LaneOptions } from './lane-options.ts';
import { LiveAttempts } from './live-attempts.ts';
import { PendingDiscards } from './pending-discards.ts';
import { runtimeCondition } from './runtime-condition.ts';
import type { Trial } from './trial.ts';

/**
 * Everything that belongs to one adapter: performs what the core decides. All that happens to it (events, outcomes,
 * records, the breaker, time) becomes an input of `step`; each effect becomes one call of a port.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #state: LaneState;
  readonly #versions: AdapterVersions;
  readonly #breaker: Breaker;
  readonly #attempts: LiveAttempts;
  readonly #alarm: Alarm;
  readonly #journal: LaneJournal;
  readonly #discards = new PendingDiscards();
  readonly #idle = Promise.withResolvers<void>();
  readonly #totals: { unsettled: number; deadLetters: number };

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#totals = { ...options.totals };
    this.#state = createLane(options.rules, options);
    this.#journal = new LaneJournal(options);
    this.#breaker = new Breaker({
      policy: options.breakerPolicy,
      clock: options.clock,
      onChange: (breaker) => {
        this.#take({ kind: 'breaker_changed', atMs: this.#nowMs(), breaker });
        this.#keepBreaker();
        options.onChange();
      },
    });
    const first = new AdapterVersion({ version: options.adapter.version, runtime: options.runtime });
    this.#versions = new AdapterVersions(first, (start) => this.#changeRuntime(start));
    this.#attempts = new LiveAttempts({
      breaker: this.#breaker,
      onEnd: (seq, outcome) => {
        const attempt = this.#versions.attemptOf(seq);
        this.#take({ kind: 'attempt_ended', atMs: this.#nowMs(), seq, outcome });
        if (attempt !== undefined) this.#versions.ended(attempt, outcome);
      },
    });
    this.#alarm = new Alarm(options.clock, () => this.#take({ kind: 'time_passed', atMs: this.#nowMs() }));
    const { pause } = options;
    if (pause !== undefined) {
      this.#take({ kind: 'paused', atMs: this.#nowMs(), cause: { kind: 'operator', reason: pause.reason } });
    }
  }

  get adapter(): LaneOptions['adapter'] {
    const { id, package: packageName } = this.#options.adapter;
    return { id, package: packageName, version: this.#versions.current.version };
  }

  /** The versions of its adapter, for whoever replaces one by another. */
  get versions(): AdapterVersions {
    return this.#versions;
  }

  get runtimeKind(): Runtime['kind'] {
    return this.#versions.current.kind;
  }

  /** Begins to read the backlog and starts the adapter; resolves when that is ready or has failed. */
  async start(): Promise<void> {
    this.#take({ kind: 'time_passed', atMs: this.#nowMs() });
    await this.#versions.current.start();
  }

  /** Takes back what a version on trial brought the lane to. It is over, and to be called again when all of it ended. */
  recoverFrom(trial: Trial): void {
    if (trial.isMisconfigured && this.#state.pause?.kind === 'misconfigured') this.resume();
    this.#breaker.tryNow('the version that was tried is gone: one delivery is let through');
  }

  /** Goes on with the breaker as it was when the hub stopped. */
  restoreBreaker(stored: { readonly cause: string; readonly sinceMs: number }): void {
    this.#breaker.restore(stored);
  }

  /** Events were accepted, in this order; those that are not for this adapter are ignored. */
  accepted(events: readonly AcceptedEvent[]): void {
    const { id } = this.#options.adapter;
    const mine = events.filter((event) => event.adapters.includes(id));
    if (mine.length === 0) return;
    this.#totals.unsettled += mine.length;
    const deliveries = mine.map((event) => ({
      event,
      cycle: 1,
      attempts: 0,
      spent: 0,
      crashes: 0,
      notBeforeMs: 0,
      asOfMs: event.acceptedAtMs,
    }));
    this.#take({ kind: 'arrived', atMs: this.#nowMs(), deliveries });
  }

  /** A record of this adapter is on disk: one that the lane asked for, or a dead letter that a person gave up. */
  recorded(record: RecordedDelivery): void {
    const { seq } = record;
    if (!isRecording(this.#state, seq)) {
      this.#totals.deadLetters -= 1;
      this.#take({ kind: 'dead_letter_discarded', atMs: this.#nowMs(), seq });
      return;
    }
    if (record.state !== 'retrying') this.#totals.unsettled -= 1;
    if (record.state === 'dead_lettered') this.#totals.deadLetters += 1;
    this.#take({ kind: 'recorded', atMs: this.#nowMs(), seq });
    if (record.state === 'discarded') this.#discards.end(seq, true);
  }

  /** A dead letter of this adapter was opened again: a new cycle of it begins. */
  reopened({ delivery, mayFollowNewer }: ReopenedDelivery): void {
    this.#totals.unsettled += 1;
    this.#totals.deadLetters -= 1;
    this.#take({ kind: 'reopened', atMs: this.#nowMs(), delivery, mayFollowNewer });
  }

  /**
   * Lets exactly one delivery through now, whatever holds the lane: an open breaker becomes half open, a pause stays
   * for all others. It spends nothing of the delivery's budget.
   *
   * @returns the id of its event; undefined when nothing waits, the adapter does not run, or one is on its way alone
   */
  probe(): string | undefined {
    const next = nextProbe(this.#state);
    if (next === undefined) return undefined;
    this.#take({ kind: 'probe', atMs: this.#nowMs(), seq: next.event.seq });
    this.#breaker.tryNow();
    return next.event.id;
  }

  /** Ends every wait, also one that the external system asked for; see the core's retryNow. Returns how many waited. */
  retryNow(): number {
    const waited = this.#state.scheduled.size;
    this.#journal.retryNow();
    this.#take({ kind: 'retry_now', atMs: this.#nowMs() });
    this.#breaker.tryNow('an operator retries now: one delivery is let through');
    this.#options.onChange();
    return waited;
  }

  /**
   * Gives open deliveries up. One whose attempt runs, whose outcome is on the way to the disk, or that is settled is
   * left alone.
   *
   * @param deliveries of this adapter, not more than MAX_DISCARDS
   * @param reason why, and who says so: kept with the record
   * @returns how many were given up, once that is on disk
   * @throws {JournalError} when the journal ended meanwhile: then nobody knows
   */
  async discard(deliveries: readonly OpenDelivery[], reason: string): Promise<number> {
    const { seqs, count } = this.#discards.begin(deliveries);
    this.#take({ kind: 'discard', atMs: this.#nowMs(), seqs, reason });
    return count;
  }

  pause(cause: PauseCause): void {
    this.#take({ kind: 'paused', atMs: this.#nowMs(), cause });
    this.#options.onChange();
  }

  resume(): void {
    this.#take({ kind: 'resumed', atMs: this.#nowMs() });
    this.#options.onChange();
  }

  /** What keeps the delivery of an event that is not settled from being attempted; undefined when nothing does. */
  heldBy(event: { readonly seq: number; readonly key: string }): HeldBy | undefined {
    return eventHeldBy(this.#state, event, this.#nowMs());
  }

  health(): LaneHealth {
    return {
      ...laneStanding(this.#state, this.#versions.current.standing),
      breaker: this.#breaker.report,
      trial: this.#versions.trial?.health,
      waiting: this.#totals.unsettled,
      inFlight: this.#state.attempting.size + this.#state.overdue,
      ...laneWaits(this.#state, this.#options.clock),
      deadLetters: this.#totals.deadLetters,
    };
  }

  /** Begins nothing new; resolves when what runs has ended and is recorded, or after the time. */
  async drain(withinMs: number): Promise<void> {
    this.#take({ kind: 'draining', atMs: this.#nowMs() });
    this.#options.onChange();
    await atTheLatest(withinMs, this.#idle.promise, this.#options.clock);
  }

  /** Lets go of everything, whatever still runs: its deliveries go on from the journal when the hub starts again. */
  async close(): Promise<void> {
    this.#take({ kind: 'draining', atMs: this.#nowMs() });
    this.#alarm.stop();
    this.#breaker.close();
    this.#attempts.abandon();
    await this.#versions.close();
  }

  #take(input: LaneInput): void {
    for (const effect of step(this.#state, input)) this.#perform(effect);
    this.#alarm.ringBy(nextWakeMs(this.#state));
    if (this.#state.draining && isIdle(this.#state)) this.#idle.resolve();
  }

  #perform(effect: LaneEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#attempt(effect);
        break;
      case 'abort':
        this.#attempts.expire(effect.seq);
        this.#versions.expired(effect.seq);
        break;
      case 'record':
        this.#journal.record(effect, this.#versions.versionOf(effect.event.seq));
        break;
      case 'fetch':
        void this.#fetch(effect);
        break;
      case 'look_up':
        this.#lookUp(effect);
        break;
      case 'tell_kept':
        this.#discards.end(effect.seq, false);
        break;
      case 'tell_held':
        this.#options.onHeld(
          heldDelivery(effect, { adapter: this.#options.adapter, nowMs: this.#options.clock.wallMs() }),
        );
        break;
      case 'tell_paused':
        this.#options.onPause?.(effect.cause);
        this.#options.onChange();
        break;
      default:
        effect satisfies never;
    }
  }

  #changeRuntime(start: RuntimeStart): void {
    const runtime = runtimeCondition(start, this.#options.delivery, this.#state.runtime);
    this.#take({ kind: 'runtime_changed', atMs: this.#nowMs(), runtime });
    this.#options.onRuntimeChange?.(start);
    this.#options.onChange();
  }

  #attempt({ event, number, redelivered, timeoutMs }: LaneEffect & { kind: 'attempt' }): void {
    const key = idempotencyKey(event.id, this.#options.adapter.id);
    const version = this.#versions.begin(event);
    this.#attempts.begin({ event, idempotencyKey: key, number, redelivered, timeoutMs }, version);
  }

  async #fetch(fetch: FetchEffect): Promise<void> {
    const page = await this.#journal.fetch(fetch);
    if (page !== undefined) this.#take({ kind: 'fetched', atMs: this.#nowMs(), fetch, ...page });
  }

  #lookUp(lookUp: LookUpEffect): void {
    const take = (delivery: OpenDelivery | undefined) =>
      this.#take({ kind: 'looked_up', atMs: this.#nowMs(), lookUp, delivery });
    void this.#journal.lookUp(lookUp.seq).then(take, (error) => this.#discards.fail(error));
  }

  #keepBreaker(): void {
    const { report } = this.#breaker;
    this.#options.onBreakerChange?.(report);
    this.#journal.saveBreaker(report);
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}
