import type { ReadyDelivery } from './delivery.ts';
import { type HeadNews, KeyHeads } from './key-heads.fixture.ts';
import type {
  BreakerCondition,
  LaneEffect,
  LaneInput,
  LookAheadEffect,
  RecordEffect,
  RuntimeCondition,
} from './lane-messages.ts';
import { createLane, DEFAULT_PREFETCH, type LaneRules, type LaneState } from './lane-state.ts';
import type { AttemptEnd, Failure, Outcome } from './outcome.ts';
import { DEFAULT_RETRY } from './retry.ts';
import { nextWakeMs, step } from './step.ts';

export const failure: Failure = { code: 'HTTP_503', message: 'the other side is unwell' };
export const delivered = { kind: 'delivered', receipt: 'taken' } as const satisfies Outcome;
export const retryable = { kind: 'retryable', failure } as const satisfies Outcome;
export const crashed = { kind: 'crashed', failure, suspects: 1 } as const satisfies Outcome;
export const paused = { kind: 'paused', cause: { kind: 'operator', reason: 'maintenance' } } as const;

type CommitInput = WithoutTime<LaneInput & { kind: 'committed' }>;
const NOTHING_COMMITTED: CommitInput = {
  kind: 'committed',
  recorded: [],
  reopenedBefore: [],
  ready: [],
  isMore: false,
  nextDueAtMs: Number.POSITIVE_INFINITY,
};

/** What a test says about a delivery; the rest is filled in. */
export interface Sketch {
  readonly seq: number;
  readonly key?: string;
  readonly type?: string;
  readonly bytes?: number;
  readonly counts?: Partial<Pick<ReadyDelivery, 'cycle' | 'attempts' | 'spent' | 'crashes'>>;
  /** Until it is due; 0 by default. */
  readonly inMs?: number;
  /** Since it was accepted; 0 by default. */
  readonly ageMs?: number;
  readonly mayHaveRun?: boolean;
}

export interface ScriptedLaneOptions {
  readonly rules?: Partial<LaneRules>;
  readonly runtime?: Partial<RuntimeCondition & { kind: 'ready' }> | 'not_ready';
  /** In the journal before the lane is opened. */
  readonly stored?: readonly Sketch[];
}

/**
 * A lane that a test leads step by step. What it asks of the journal is answered at once, except for outcomes: they reach
 * the disk when the test says so.
 */
export class ScriptedLane {
  readonly state: LaneState;
  nowMs = 1_000;
  /** Of what the test did last, what followed from answers of the journal among them. */
  effects: LaneEffect[] = [];
  readonly #journal = new KeyHeads();
  readonly #recording = new Map<number, { readonly record: RecordEffect; readonly atMs: number }>();
  /** What the lane asks, except for records, is answered only when the test says so. */
  isJournalSlow = false;
  #unanswered: LaneEffect[] = [];

  constructor({ rules, runtime = {}, stored = [] }: ScriptedLaneOptions = {}) {
    const allRules: LaneRules = { retry: DEFAULT_RETRY, maxCrashes: 3, prefetch: DEFAULT_PREFETCH, ...rules };
    this.state = createLane(allRules, { seed: 1, nowMs: this.nowMs });
    for (const sketch of stored) this.#journal.add(this.#sketched(sketch), this.nowMs);
    if (runtime === 'not_ready') this.handle({ kind: 'time_passed' });
    else this.ready(runtime);
  }

  handle(input: WithoutTime<LaneInput>): this {
    this.effects = [];
    this.#step(input);
    return this;
  }

  ready(runtime: Partial<RuntimeCondition & { kind: 'ready' }> = {}): this {
    const ready = { kind: 'ready', accepts: 'all', concurrency: 8, attemptTimeoutMs: 10_000, ...runtime } as const;
    return this.handle({ kind: 'runtime_changed', runtime: ready });
  }

  /** Events are accepted in one commit. */
  arrive(...sketches: readonly Sketch[]): this {
    this.effects = [];
    this.#hear(sketches.map((sketch) => this.#journal.add(this.#sketched(sketch), this.nowMs)));
    return this;
  }

  /** An operator replayed a dead letter. */
  reopen(sketch: Sketch): this {
    this.effects = [];
    const cycle = { cycle: 2, ...sketch.counts };
    const { news, behindSeq } = this.#journal.reopen(this.#sketched({ ...sketch, counts: cycle }), this.nowMs);
    this.#hear([news], { reopenedBefore: behindSeq === undefined ? [] : [behindSeq] });
    return this;
  }

  /** An operator discards deliveries. */
  discard(...seqs: readonly number[]): this {
    return this.handle({ kind: 'discard', seqs, reason: 'sent by mistake' });
  }

  /** An operator lets the next one through. */
  probe(): this {
    return this.handle({ kind: 'probe' });
  }

  /** An operator ends every wait. */
  retryNow(): this {
    this.handle({ kind: 'retry_now' });
    this.nowMs += 1;
    this.#journal.endWaits(this.nowMs);
    this.#step({ ...NOTHING_COMMITTED, isMore: true });
    return this;
  }

  end(seq: number, outcome: AttemptEnd = delivered): this {
    return this.handle({ kind: 'attempt_ended', seq, outcome });
  }

  /** The journal commits this and nothing else. */
  commit(commit: Partial<CommitInput>): this {
    this.effects = [];
    this.#step({ ...NOTHING_COMMITTED, ...commit });
    return this;
  }

  /** Its record reaches the disk. */
  recorded(seq: number): this {
    this.effects = [];
    const made = this.#recording.get(seq);
    this.#recording.delete(seq);
    const news = made && this.#journal.record(made.record, { atMs: made.atMs, nowMs: this.nowMs });
    this.#hear(news === undefined ? [] : [news], { recorded: [seq] });
    return this;
  }

  /** The attempt ends and its record reaches the disk. */
  finish(seq: number, outcome: Outcome = delivered): this {
    const { effects } = this.end(seq, outcome);
    this.recorded(seq);
    this.effects = [...effects, ...this.effects];
    return this;
  }

  breaker(breaker: BreakerCondition): this {
    return this.handle({ kind: 'breaker_changed', breaker });
  }

  /** Time goes on and the lane's timer fires. */
  later(byMs: number): this {
    this.nowMs += byMs;
    return this.handle({ kind: 'time_passed' });
  }

  /** Time goes on to whatever the lane waits for. */
  wake(): this {
    return this.later(Math.max(0, nextWakeMs(this.state) - this.nowMs));
  }

  /** The journal answers what it was asked while it was slow. */
  answer(): this {
    this.effects = [];
    for (const effect of this.#unanswered.splice(0)) this.#perform(effect);
    return this;
  }

  /** The events whose attempts began by what the test did last. */
  get begun(): readonly number[] {
    return this.effects.filter((effect) => effect.kind === 'attempt').map(({ event }) => event.seq);
  }

  get attempts(): readonly (LaneEffect & { kind: 'attempt' })[] {
    return this.effects.filter((effect) => effect.kind === 'attempt');
  }

  get records(): readonly RecordEffect[] {
    return this.effects.filter((effect) => effect.kind === 'record');
  }

  get reads(): readonly (LaneEffect & { kind: 'read' })[] {
    return this.effects.filter((effect) => effect.kind === 'read');
  }

  get looks(): readonly LookAheadEffect[] {
    return this.effects.filter((effect) => effect.kind === 'look_ahead');
  }

  get isGateChanged(): boolean {
    return this.effects.some(({ kind }) => kind === 'gate_changed');
  }

  /** The phase of a delivery that the lane has. */
  phaseOf(seq: number): string | undefined {
    return this.state.deliveries.get(seq)?.phase.kind;
  }

  /** The events whose attempts run. */
  get running(): readonly number[] {
    const deliveries = [...this.state.deliveries.values()];
    return deliveries.filter(({ phase }) => phase.kind === 'attempting').map(({ event }) => event.seq);
  }

  #step(input: WithoutTime<LaneInput>): void {
    for (const effect of step(this.state, { ...input, atMs: this.nowMs })) {
      this.effects.push(effect);
      if (this.isJournalSlow && ANSWERED.has(effect.kind)) this.#unanswered.push(effect);
      else this.#perform(effect);
    }
  }

  #perform(effect: LaneEffect): void {
    const { nowMs } = this;
    switch (effect.kind) {
      case 'read':
        this.#step({ kind: 'page', ...this.#journal.readReady(effect.after, nowMs, effect.limit) });
        break;
      case 'look_ahead':
        this.#step({ kind: 'head', purpose: effect.purpose, head: this.#journal.readHead(effect.at, nowMs) });
        break;
      case 'discard':
      case 'give_back': {
        const news =
          effect.kind === 'discard'
            ? this.#journal.settle(effect.seq, nowMs)
            : this.#journal.giveBack(effect.seq, nowMs);
        this.#hear([news]);
        const head = this.#journal.readHead({ seq: effect.seq }, nowMs);
        this.#step({ kind: 'answered', seq: effect.seq, head });
        break;
      }
      case 'record':
        this.#recording.set(effect.event.seq, { record: effect, atMs: nowMs });
        break;
      default:
    }
  }

  #hear(news: readonly HeadNews[], { recorded = [], reopenedBefore = [] }: Partial<CommitInput> = {}): void {
    const ready = news.flatMap((one) => one.ready);
    const nextDueAtMs = Math.min(...news.map((one) => one.nextDueAtMs));
    const isAny = ready.length + recorded.length + reopenedBefore.length > 0 || nextDueAtMs < Number.POSITIVE_INFINITY;
    if (isAny) this.#step({ ...NOTHING_COMMITTED, recorded, reopenedBefore, ready, nextDueAtMs });
  }

  #sketched({ inMs = 0, ageMs = 0, ...sketch }: Sketch): ReadyDelivery {
    return { ...readyDelivery(sketch), dueAtMs: this.nowMs + inMs, sinceMs: this.nowMs - ageMs };
  }
}

/** What the journal answers. */
const ANSWERED: ReadonlySet<LaneEffect['kind']> = new Set(['read', 'look_ahead', 'discard', 'give_back']);

type WithoutTime<Input> = Input extends unknown ? Omit<Input, 'atMs'> : never;

export function readyDelivery({ seq, key = '', type = 'ProcessUpdated', bytes = 0, ...sketch }: Sketch): ReadyDelivery {
  const event = {
    id: `event-${seq}`,
    source: 'hms-api',
    type,
    key,
    timeMs: 0,
    data: new Uint8Array(bytes),
    dataContentType: 'application/json',
    attributes: {},
    seq,
    acceptedAtMs: 0,
    publishedBy: '',
    adapters: ['billing'],
  };
  const { mayHaveRun = false, counts } = sketch;
  const times = { dueAtMs: 0, notBeforeMs: 0, sinceMs: 0 };
  return { event, cycle: 1, attempts: 0, spent: 0, crashes: 0, ...times, mayHaveRun, ...counts };
}
