import type { AcceptedEvent } from '../core/event.ts';
import type { AttemptEnd, OutcomeKind } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { AdapterVersion } from './adapter-version.ts';
import type { Trial } from './trial.ts';

/** An attempt, and who makes it. */
export interface BegunAttempt {
  readonly seq: number;
  readonly by: AdapterVersion;
  /** Its deadline passed: what it came to is known, and what it returns still does not matter. */
  isOver: boolean;
}

/**
 * The versions of an adapter behind one lane.
 *
 * - one, as a rule: every attempt is its.
 * - one and a candidate in a trial: the keys of the trial's share are the candidate's.
 * - one, and others that finish what they have: they get nothing new.
 *
 * Which version makes an attempt is decided when it begins. The lane never has two attempts of a key at a time, and so
 * no key is ever at two versions at once, and none is overtaken.
 */
export class AdapterVersions {
  readonly #onChange: (start: RuntimeStart) => void;
  readonly #begun = new Map<number, BegunAttempt>();
  readonly #retired = new Set<AdapterVersion>();
  #current: AdapterVersion;
  #trial: Trial | undefined;

  /** @param onChange told how the adapter stands, whenever that changes */
  constructor(first: AdapterVersion, onChange: (start: RuntimeStart) => void) {
    this.#onChange = onChange;
    this.#current = first;
    first.onChange = () => this.#tell();
  }

  get current(): AdapterVersion {
    return this.#current;
  }

  get trial(): Trial | undefined {
    return this.#trial;
  }

  /** An attempt begins: by this version. */
  begin(event: AcceptedEvent): AdapterVersion {
    const by = this.#trial?.takes(event) ? this.#trial.candidate : this.#current;
    by.began();
    this.#begun.set(event.seq, { seq: event.seq, by, isOver: false });
    return by;
  }

  /** The last attempt of a delivery that began. */
  attemptOf(seq: number): BegunAttempt | undefined {
    return this.#begun.get(seq);
  }

  /** The version that makes, or has just made, the attempt of a delivery. */
  versionOf(seq: number): string {
    return this.#begun.get(seq)?.by.version ?? this.#current.version;
  }

  /** The deadline of an attempt passed. */
  expired(seq: number): void {
    const begun = this.#begun.get(seq);
    if (begun === undefined) return;
    begun.isOver = true;
    this.#count(begun.by, 'timed_out');
  }

  /** Adapter code returned, and the lane knows what its attempt came to: the next one of the delivery may have begun. */
  ended(attempt: BegunAttempt, outcome: AttemptEnd): void {
    const { seq, by, isOver } = attempt;
    if (this.#begun.get(seq) === attempt) this.#begun.delete(seq);
    by.ended();
    if (!isOver && outcome.kind !== 'not_run') this.#count(by, outcome.kind);
  }

  /**
   * Every attempt from now on is this version's. Ends a trial, of it or of another.
   *
   * @returns the version before, which finishes what it has; close it then
   */
  switchTo(next: AdapterVersion): AdapterVersion {
    const before = this.#current;
    if (this.#trial !== undefined && this.#trial.candidate !== next) this.endTrial();
    this.#trial = undefined;
    this.#retired.delete(next);
    this.#current = next;
    next.replaces(before);
    this.#retire(before);
    next.onChange = () => this.#tell();
    this.#tell();
    return before;
  }

  /** The keys of its share go to its candidate from now on, which has been started. */
  beginTrial(trial: Trial): void {
    this.#trial = trial;
    trial.candidate.onChange = (start) => {
      if (start.kind !== 'ready') trial.fail(start.cause ?? start.reason);
      this.#tell();
    };
    this.#tell();
  }

  /** All attempts from now on are the current version's; the candidate finishes what it has. */
  endTrial(): void {
    const candidate = this.#trial?.candidate;
    this.#trial = undefined;
    if (candidate !== undefined) this.#retire(candidate);
    this.#tell();
  }

  /** It has finished what it had, or its time is up. */
  async closeRetired(version: AdapterVersion): Promise<void> {
    await version.close();
    this.#retired.delete(version);
  }

  async close(): Promise<void> {
    this.#trial?.fail('the hub stopped');
    const candidate = this.#trial === undefined ? [] : [this.#trial.candidate];
    await Promise.all([this.#current, ...candidate, ...this.#retired].map((version) => version.close()));
  }

  #count(by: AdapterVersion, outcome: OutcomeKind): void {
    // What a version that was retired still ends says nothing about the two that are compared.
    if (by === this.#current || by === this.#trial?.candidate) this.#trial?.saw(by, outcome);
  }

  #retire(version: AdapterVersion): void {
    version.onChange = () => undefined;
    this.#retired.add(version);
  }

  #tell(): void {
    const start = this.#current.standing;
    if (start !== undefined) this.#onChange(withCandidate(start, this.#trial?.candidate.standing));
  }
}

/**
 * How an adapter stands while two versions of it run: it takes what the current one takes, at the pace that suits both.
 * A candidate that would refuse a type gets none of it, and one that would take more has to wait: a delivery that is
 * skipped is skipped for good.
 */
function withCandidate(start: RuntimeStart, candidate: RuntimeStart | undefined): RuntimeStart {
  if (start.kind !== 'ready' || candidate?.kind !== 'ready') return start;
  return {
    ...start,
    concurrency: Math.min(start.concurrency, candidate.concurrency),
    attemptTimeoutMs: Math.max(start.attemptTimeoutMs, candidate.attemptTimeoutMs),
  };
}
