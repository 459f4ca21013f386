import type { OpenDelivery } from '../src/core/delivery.ts';
import {
  type BreakerCondition,
  createLane,
  DEFAULT_WINDOW,
  type LaneRules,
  type LaneState,
  type NewLane,
  type RuntimeCondition,
} from '../src/core/lane.ts';
import type { FetchEffect, LaneEffect, RecordEffect } from '../src/core/lane-effect.ts';
import type { FetchedDelivery, LaneInput } from '../src/core/lane-input.ts';
import type { AttemptEnd, Failure, Outcome } from '../src/core/outcome.ts';
import { nextProbe } from '../src/core/probe.ts';
import { DEFAULT_RETRY } from '../src/core/retry.ts';
import { step } from '../src/core/step.ts';

export const failure: Failure = { code: 'HTTP_503', message: 'the other side is unwell' };
export const delivered = { kind: 'delivered', receipt: 'taken' } as const satisfies Outcome;
export const retryable = { kind: 'retryable', failure } as const satisfies Outcome;
export const crashed = { kind: 'crashed', failure, suspects: 1 } as const satisfies Outcome;

/** What a test says about a delivery; the rest is filled in. */
export interface Sketch {
  readonly seq: number;
  readonly key?: string;
  readonly type?: string;
  readonly bytes?: number;
  readonly counts?: Partial<Pick<OpenDelivery, 'cycle' | 'attempts' | 'spent' | 'crashes'>>;
}

/** One from the journal. */
export interface FetchedSketch extends Sketch {
  readonly delayMs?: number;
  readonly ageMs?: number;
}

export interface ScriptedLaneOptions {
  readonly rules?: Partial<LaneRules>;
  readonly runtime?: Partial<RuntimeCondition & { kind: 'ready' }> | 'not_ready';
  readonly newestSeq?: number;
  readonly deadLetters?: NewLane['deadLetters'];
}

/** A lane that a test leads step by step; nothing happens that the test does not say. */
export class ScriptedLane {
  readonly state: LaneState;
  nowMs = 1_000;
  /** Of the last step. */
  effects: readonly LaneEffect[] = [];

  constructor({ rules, runtime = {}, newestSeq = 0, deadLetters = [] }: ScriptedLaneOptions = {}) {
    const allRules: LaneRules = {
      retry: DEFAULT_RETRY,
      maxCrashes: 3,
      onDeadLetter: 'continue',
      window: DEFAULT_WINDOW,
      recoveredToSeq: 0,
      ...rules,
    };
    this.state = createLane(allRules, { seed: 1, newestSeq, deadLetters });
    if (runtime !== 'not_ready') this.ready(runtime);
  }

  take(input: WithoutTime<LaneInput>): this {
    this.effects = step(this.state, { ...input, atMs: this.nowMs });
    return this;
  }

  ready(runtime: Partial<RuntimeCondition & { kind: 'ready' }> = {}): this {
    const ready = { kind: 'ready', accepts: 'all', concurrency: 8, attemptTimeoutMs: 10_000, ...runtime } as const;
    return this.take({ kind: 'runtime_changed', runtime: ready });
  }

  arrive(...sketches: readonly Sketch[]): this {
    return this.take({ kind: 'arrived', deliveries: sketches.map(openDelivery) });
  }

  /** Answers the fetch of the last step, or the one that is given. */
  fetched(
    deliveries: readonly FetchedSketch[],
    { scannedToSeq, fetch = this.fetches[0] }: { scannedToSeq: number; fetch?: FetchEffect | undefined },
  ): this {
    if (fetch === undefined) throw new Error('the lane asked for nothing');
    const withDelay = (sketch: FetchedSketch): FetchedDelivery => {
      return { delivery: openDelivery(sketch), delayMs: sketch.delayMs ?? 0, ageMs: sketch.ageMs ?? 0 };
    };
    return this.take({ kind: 'fetched', fetch, deliveries: deliveries.map(withDelay), scannedToSeq });
  }

  /** A person replayed a dead letter. */
  reopen(sketch: Sketch, { mayFollowNewer = false } = {}): this {
    const delivery = openDelivery({ ...sketch, counts: { cycle: 2, ...sketch.counts } });
    return this.take({ kind: 'reopened', delivery, mayFollowNewer });
  }

  /** A person gives open deliveries up. */
  discard(...seqs: readonly number[]): this {
    return this.take({ kind: 'discard', seqs, reason: 'sent by mistake' });
  }

  /** A person lets the next one through. */
  probe(): this {
    const next = nextProbe(this.state);
    if (next !== undefined) return this.take({ kind: 'probe', seq: next.event.seq });
    this.effects = [];
    return this;
  }

  /** An operator ends every wait. */
  retryNow(): this {
    return this.take({ kind: 'retry_now' });
  }

  end(seq: number, outcome: AttemptEnd = delivered): this {
    return this.take({ kind: 'attempt_ended', seq, outcome });
  }

  recorded(seq: number): this {
    return this.take({ kind: 'recorded', seq });
  }

  /** The attempt ends and its record reaches the disk. */
  finish(seq: number, outcome: Outcome = delivered): this {
    return this.end(seq, outcome).recorded(seq);
  }

  breaker(breaker: BreakerCondition): this {
    return this.take({ kind: 'breaker_changed', breaker });
  }

  /** Time goes on and the lane's timer rings. */
  later(byMs: number): this {
    this.nowMs += byMs;
    return this.take({ kind: 'time_passed' });
  }

  /** The events whose attempts the last step began. */
  get begun(): readonly number[] {
    return this.effects.filter((effect) => effect.kind === 'attempt').map(({ event }) => event.seq);
  }

  get records(): readonly RecordEffect[] {
    return this.effects.filter((effect) => effect.kind === 'record');
  }

  get fetches(): readonly FetchEffect[] {
    return this.effects.filter((effect) => effect.kind === 'fetch');
  }

  /** What the last step told about deliveries that are held, as "seq: reason". */
  get held(): readonly string[] {
    const tells = this.effects.filter((effect) => effect.kind === 'tell_held');
    return tells.map(({ event, heldBy }) => `${event.seq}: ${heldBy}`);
  }

  /** The state in which a delivery of the window stands. */
  stateOf(seq: number): string | undefined {
    return this.state.deliveries.get(seq)?.state.kind;
  }
}

type WithoutTime<Input> = Input extends unknown ? Omit<Input, 'atMs'> : never;

export function openDelivery({ seq, key = '', type = 'ProcessUpdated', bytes = 0, counts }: Sketch): OpenDelivery {
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
    adapters: ['billing'],
  };
  return { event, cycle: 1, attempts: 0, spent: 0, crashes: 0, notBeforeMs: 0, asOfMs: 0, ...counts };
}
