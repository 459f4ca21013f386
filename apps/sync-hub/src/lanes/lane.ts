import type { BreakerPolicy } from '../core/breaker-policy.ts';
import { heldBy } from '../core/dispatch.ts';
import type { EventIdentity } from '../core/event.ts';
import type {
  HeldBy,
  LaneEffect,
  LaneInput,
  LookAheadEffect,
  PauseCause,
  RecordEffect,
  RuntimeCondition,
} from '../core/lane-messages.ts';
import { createLane, type LaneRules, type LaneState } from '../core/lane-state.ts';
import { isIdle, nextWakeMs, step } from '../core/step.ts';
import type { Journal, LaneNews, OpenedLane } from '../journal/journal.ts';
import { JournalError } from '../journal/journal-error.ts';
import type { Runtime, RuntimeStart } from '../runtimes/runtime.ts';
import { AdapterVersion } from './adapter-version.ts';
import { Breaker, type BreakerReport } from './breaker.ts';
import type { Canary } from './canary.ts';
import { atTheLatest, type Clock } from './clock.ts';
import { deliveryRecord } from './delivery-record.ts';
import { idempotencyKey } from './idempotency-key.ts';
import { type LaneHealth, laneStatus, throttledUntilMs } from './lane-health.ts';
import { LaneTimer } from './lane-timer.ts';
import { LaneVersions } from './lane-versions.ts';
import { LiveAttempts } from './live-attempts.ts';

/** At once: each is a request of the journal, and more would hold up what others read and record. */
const MAX_DISCARDS = 256;

/** What one commit says of a lane. */
export interface LaneCommit {
  /** The deliveries, by seq, whose records are on disk. */
  readonly recorded: readonly number[];
  /** Dead letters are open again that are older than these heads of their keys, by seq. */
  readonly reopenedBefore: readonly number[];
  /** Undefined: none. */
  readonly news: LaneNews | undefined;
}

/**
 * Everything that belongs to one adapter: performs what the core decides. All that happens to it (deliveries, outcomes,
 * records, the breaker, time) becomes an input of `step`; each effect becomes one call of a port.
 */
export class Lane {
  readonly #options: LaneOptions;
  readonly #state: LaneState;
  readonly #versions: LaneVersions;
  readonly #breaker: Breaker;
  readonly #attempts: LiveAttempts;
  readonly #timer: LaneTimer;
  readonly #idle = Promise.withResolvers<void>();
  /** Operators who wait for what is let through: the one who asks in this step first, and one who waits for the journal. */
  readonly #probing: ((event: EventIdentity | undefined) => void)[] = [];
  /** Of the present discard: whether each was discarded. */
  #discarding: Promise<boolean>[] = [];
  /** Somebody else opened it: nothing happens here any more. */
  #isLost = false;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#state = createLane(options.rules, { seed: options.seed, nowMs: this.#nowMs() });
    this.#breaker = new Breaker({
      policy: options.breakerPolicy,
      clock: options.clock,
      onChange: (breaker) => {
        this.#handle({ kind: 'breaker_changed', atMs: this.#nowMs(), breaker });
        this.#saveBreaker();
        options.onChange();
      },
    });
    const first = new AdapterVersion({ version: options.adapter.version, runtime: options.runtime });
    this.#versions = new LaneVersions(first, options.clock, (start) => this.#changeRuntime(start));
    this.#attempts = new LiveAttempts({
      breaker: this.#breaker,
      onEnd: ({ seq, version, isExpired }, outcome) => {
        this.#handle({ kind: 'attempt_ended', atMs: this.#nowMs(), seq, outcome });
        if (!isExpired) this.#versions.count(version, outcome.kind);
      },
    });
    this.#timer = new LaneTimer(options.clock, () => this.#handle({ kind: 'time_passed', atMs: this.#nowMs() }));
    const { pause } = options.opened;
    if (pause !== undefined) {
      this.#handle({ kind: 'paused', atMs: this.#nowMs(), cause: { kind: 'operator', reason: pause.reason } });
    }
  }

  get adapter(): LaneOptions['adapter'] {
    const { id, package: packageName } = this.#options.adapter;
    return { id, package: packageName, version: this.#versions.current.version };
  }

  /** The versions of its adapter, for whoever replaces one by another. */
  get versions(): LaneVersions {
    return this.#versions;
  }

  get runtimeKind(): Runtime['kind'] {
    return this.#versions.current.runtime.kind;
  }

  /** After a dead letter the later events of its key wait. */
  get holdsKeys(): boolean {
    return this.#options.holdsKeys;
  }

  /** Restores the breaker, begins to read what is ready, and starts the adapter; resolves when that is ready or has
   * failed. */
  async start(): Promise<void> {
    if (this.#isLost) return;
    const { breaker } = this.#options.opened;
    if (breaker !== undefined && breaker.state !== 'closed') this.#breaker.restore(breaker);
    this.#handle({ kind: 'time_passed', atMs: this.#nowMs() });
    await this.#versions.current.start();
  }

  /** Ends the pause and the wait of the breaker that a canary caused which was rolled back. */
  recoverFrom(canary: Canary): void {
    if (canary.isMisconfigured && this.#state.pause?.kind === 'misconfigured') this.resume();
    this.#breaker.tryNow('the canary was rolled back: one delivery is let through');
  }

  /** What a commit means for the lane. */
  committed({ recorded, reopenedBefore, news = NO_NEWS }: LaneCommit): void {
    const { lostEpoch, ready, isMore, nextDueAtMs } = news;
    if (lostEpoch === this.#options.opened.epoch) this.#lose();
    else this.#handle({ kind: 'committed', atMs: this.#nowMs(), recorded, reopenedBefore, ready, isMore, nextDueAtMs });
  }

  /**
   * Lets exactly one delivery through now, whatever holds the lane: an open breaker becomes half open, a pause stays
   * for all others. It spends nothing of the delivery's budget.
   *
   * @returns its event; undefined when nothing waits, the adapter does not run, or one is on its way alone
   */
  probe(): Promise<EventIdentity | undefined> {
    if (this.#isLost) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<EventIdentity | undefined>();
    // One that is refused at once does not answer for another that is looked for.
    this.#probing.unshift(resolve);
    this.#handle({ kind: 'probe', atMs: this.#nowMs() });
    return promise;
  }

  /**
   * Ends every wait, also one that the external system asked for. The gate holds as before.
   *
   * @returns how many deliveries waited
   * @throws {JournalError} when the journal ended
   */
  async retryNow(): Promise<number> {
    const { journal, adapter, onChange } = this.#options;
    if (this.#isLost) return 0;
    this.#handle({ kind: 'retry_now', atMs: this.#nowMs() });
    const waited = await journal.endWaits({ adapter: adapter.id, nowMs: this.#nowMs() });
    if (!this.#isLost) this.#breaker.tryNow('an operator retries now: one delivery is let through');
    onChange();
    return waited;
  }

  /**
   * Discards deliveries, open ones and dead letters. One whose attempt runs, whose outcome is on the way to the disk, or
   * that is settled otherwise is left alone.
   *
   * @param seqs of this adapter, at most MAX_DISCARDS
   * @param reason why, and who says so: kept with the record
   * @returns how many were discarded, once that is on disk
   * @throws {JournalError} when the journal ended meanwhile: then nobody knows
   */
  async discard(seqs: readonly number[], reason: string): Promise<number> {
    if (seqs.length > MAX_DISCARDS)
      throw new RangeError(`${seqs.length} deliveries were named; at most ${MAX_DISCARDS} are discarded at once`);
    this.#discarding = [];
    this.#handle({ kind: 'discard', atMs: this.#nowMs(), seqs, reason });
    return (await Promise.all(this.#discarding)).filter((isDiscarded) => isDiscarded).length;
  }

  pause(cause: PauseCause): void {
    this.#handle({ kind: 'paused', atMs: this.#nowMs(), cause });
    this.#options.onChange();
  }

  resume(): void {
    this.#handle({ kind: 'resumed', atMs: this.#nowMs() });
    this.#options.onChange();
  }

  /** What keeps an open delivery from being attempted; undefined when nothing does, and while its attempt runs. That an
   * earlier one of its key waits, the journal knows. */
  heldBy(event: { readonly seq: number; readonly key: string }): HeldBy | undefined {
    return this.#isLost ? 'not_ready' : heldBy(this.#state, event, this.#nowMs());
  }

  health(): LaneHealth {
    return {
      ...laneStatus(this.#state, { start: this.#versions.current.status, isLost: this.#isLost }),
      breaker: this.#breaker.report,
      canary: this.#versions.canary?.health,
      holdsKeys: this.holdsKeys,
      inFlight: this.#attempts.size,
      throttledUntilMs: throttledUntilMs(this.#state, this.#options.clock),
    };
  }

  /** Begins nothing new; resolves when what runs has ended and is recorded, or after the time. At once when the lane is
   * somebody else's: what runs here is not recorded. */
  async drain(withinMs: number): Promise<void> {
    this.#handle({ kind: 'draining', atMs: this.#nowMs() });
    this.#options.onChange();
    await atTheLatest(withinMs, this.#idle.promise, this.#options.clock);
  }

  /** Releases everything, whatever still runs: its deliveries continue from the journal when the hub starts again. */
  async close(): Promise<void> {
    this.#handle({ kind: 'draining', atMs: this.#nowMs() });
    this.#timer.stop();
    this.#breaker.close();
    this.#attempts.abandon();
    this.#answerProbes();
    await this.#versions.close();
  }

  #handle(input: LaneInput): void {
    if (this.#isLost) return;
    for (const effect of step(this.#state, input)) this.#perform(effect);
    this.#timer.scheduleBy(nextWakeMs(this.#state));
    if (this.#state.draining && isIdle(this.#state)) this.#idle.resolve();
  }

  #perform(effect: LaneEffect): void {
    switch (effect.kind) {
      case 'attempt':
        this.#attempt(effect);
        break;
      case 'abort':
        this.#expire(effect.seq);
        break;
      case 'record':
        this.#record(effect);
        break;
      case 'read':
        this.#read(effect);
        break;
      case 'look_ahead':
        this.#lookAhead(effect);
        break;
      case 'give_back':
        this.#giveBack(effect.seq);
        break;
      case 'discard':
        this.#discarding.push(this.#discard(effect));
        break;
      case 'probing':
        this.#probing.shift()?.(effect.event && { id: effect.event.id, source: effect.event.source });
        if (effect.event !== undefined) this.#breaker.tryNow();
        break;
      case 'gate_changed':
        this.#options.onGateChange(this.#options.adapter.id);
        break;
      case 'paused':
        this.#options.onPause?.(effect.cause);
        this.#options.onChange();
        break;
      default:
        effect satisfies never;
    }
  }

  #changeRuntime(start: RuntimeStart): void {
    const runtime = runtimeCondition(start, this.#options.delivery, this.#state.runtime);
    this.#handle({ kind: 'runtime_changed', atMs: this.#nowMs(), runtime });
    this.#options.onRuntimeChange?.(start);
    this.#options.onChange();
  }

  #attempt({ event, number, redelivered, timeoutMs }: LaneEffect & { kind: 'attempt' }): void {
    const key = idempotencyKey(event, this.#options.adapter.id);
    this.#attempts.begin({ event, idempotencyKey: key, number, redelivered, timeoutMs }, this.#versions.next(event));
  }

  #expire(seq: number): void {
    const attempt = this.#attempts.of(seq);
    this.#attempts.expire(seq);
    if (attempt !== undefined) this.#versions.count(attempt.version, 'timed_out');
  }

  #record(effect: RecordEffect): void {
    const { journal, adapter, clock, opened } = this.#options;
    const { event, nextAttemptInMs, notBeforeInMs } = effect;
    const nowMs = this.#nowMs();
    const { version } = this.#attempts.of(event.seq)?.version ?? this.#versions.current;
    const record = deliveryRecord(effect, { adapter: { id: adapter.id, version }, nowMs: clock.wallMs() });
    const dueAtMs = nextAttemptInMs === undefined ? 0 : nowMs + nextAttemptInMs;
    const notBeforeMs = notBeforeInMs === 0 ? 0 : nowMs + notBeforeInMs;
    // Whoever subscribed to the journal is notified of it.
    void journal.record({ record, epoch: opened.epoch, nowMs, dueAtMs, notBeforeMs });
  }

  #read({ after, limit, limitBytes }: LaneEffect & { kind: 'read' }): void {
    const { journal, adapter } = this.#options;
    const request = { adapter: adapter.id, after, nowMs: this.#nowMs(), limit, limitBytes };
    journal
      .readReady(request)
      .then((page) => this.#handle({ kind: 'page', atMs: this.#nowMs(), ...page }), unlessEnded);
  }

  #lookAhead({ purpose, at }: LookAheadEffect): void {
    const { journal, adapter } = this.#options;
    journal
      .readHead({ adapter: adapter.id, nowMs: this.#nowMs(), ...at })
      .then((head) => this.#handle({ kind: 'head', atMs: this.#nowMs(), purpose, head }), unlessEnded);
  }

  async #discard({ seq, reason }: LaneEffect & { kind: 'discard' }): Promise<boolean> {
    const { journal, adapter, clock } = this.#options;
    const request = { adapter: adapter.id, seq, atMs: clock.wallMs(), nowMs: this.#nowMs(), reason };
    const answer = journal.discard(request);
    answer.then(() => this.#handle({ kind: 'answered', atMs: this.#nowMs(), seq, head: undefined }), unlessEnded);
    return (await answer).kind === 'discarded';
  }

  #giveBack(seq: number): void {
    const { journal, adapter } = this.#options;
    journal
      .giveBack({ adapter: adapter.id, seq, nowMs: this.#nowMs() })
      .then((head) => this.#handle({ kind: 'answered', atMs: this.#nowMs(), seq, head }), unlessEnded);
  }

  #lose(): void {
    if (this.#isLost) return;
    this.#isLost = true;
    this.#timer.stop();
    // What the attempts come to that are let go of says nothing, and the breaker that is kept is the new owner's.
    this.#breaker.close();
    this.#attempts.abandon();
    this.#answerProbes();
    this.#idle.resolve();
    this.#options.onLost?.();
    this.#options.onGateChange(this.#options.adapter.id);
    this.#options.onChange();
  }

  /** Nothing is let through any more. */
  #answerProbes(): void {
    for (const resolve of this.#probing.splice(0)) resolve(undefined);
  }

  #saveBreaker(): void {
    const { report } = this.#breaker;
    const { journal, adapter } = this.#options;
    this.#options.onBreakerChange?.(report);
    const { condition: state, sinceMs, cause } = report;
    void journal.saveBreaker({ adapter: adapter.id, state, sinceMs, cause });
  }

  #nowMs(): number {
    return this.#options.clock.monotonicMs();
  }
}

const NO_NEWS: LaneNews = { ready: [], isMore: false, nextDueAtMs: Number.POSITIVE_INFINITY, lostEpoch: 0 };

/** The journal reports its end to the hub. */
function unlessEnded(error: unknown): void {
  if (!(error instanceof JournalError)) throw error;
}

/**
 * The condition of an adapter, as the core takes it. What the operator set takes precedence over what the adapter asks for.
 *
 * @param before its condition until now: what it accepts is known from when it ran
 */
export function runtimeCondition(
  start: RuntimeStart,
  delivery: LaneOptions['delivery'],
  before: RuntimeCondition,
): RuntimeCondition {
  if (start.kind !== 'ready') {
    return { kind: 'not_ready', ...(before.accepts !== undefined && { accepts: before.accepts }) };
  }
  const { concurrency = start.concurrency, timeoutMs = start.attemptTimeoutMs } = delivery;
  return { ...start, concurrency, attemptTimeoutMs: timeoutMs };
}

/** What a lane is made of. */
export interface LaneOptions {
  /** `version`: the one that it begins with, which `runtime` runs. */
  readonly adapter: { readonly id: string; readonly package: string; readonly version: string };
  readonly runtime: Runtime;
  /** What the operator set takes precedence over what the adapter asks for. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly rules: LaneRules;
  /** After a dead letter the later events of its key wait, in the journal. */
  readonly holdsKeys: boolean;
  readonly breakerPolicy: BreakerPolicy;
  readonly journal: Pick<
    Journal,
    'record' | 'readReady' | 'readHead' | 'giveBack' | 'endWaits' | 'discard' | 'saveBreaker'
  >;
  /** What the journal answered when the lane was opened. */
  readonly opened: OpenedLane;
  readonly clock: Clock;
  /** Where the generator for jitter begins. */
  readonly seed: number;
  /** Called when what holds the whole lane is not what it was. */
  readonly onGateChange: (adapter: string) => void;
  /** Called when health() would say something new about state or breaker. */
  readonly onChange: () => void;
  /** Called on every transition of the breaker, for the log. */
  readonly onBreakerChange?: (breaker: BreakerReport) => void;
  /** Called when the adapter is ready, has failed, or is started again, for the log. */
  readonly onRuntimeChange?: (start: RuntimeStart) => void;
  /** Called when the lane paused itself, for the log. */
  readonly onPause?: (cause: PauseCause) => void;
  /** Called when the lane belongs to somebody else from now on, for the log. */
  readonly onLost?: () => void;
}
