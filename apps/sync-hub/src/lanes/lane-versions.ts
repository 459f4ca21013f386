import type { AcceptedEvent } from '../core/event.ts';
import type { AttemptEnd } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import type { AdapterVersion } from './adapter-version.ts';
import { Canary, type CanaryOptions } from './canary.ts';
import type { Clock } from './clock.ts';

/**
 * The versions of an adapter behind one lane.
 *
 * - one, as a rule: every attempt is its.
 * - one and the candidate of a canary: the keys of the canary's share are the candidate's.
 * - one, and others that finish what they have: they get nothing new.
 *
 * Which version makes an attempt is decided when it begins. The lane never has two attempts of a key at a time, and so
 * no key is ever at two versions at once, and none is overtaken.
 */
export class LaneVersions {
  readonly #clock: Clock;
  readonly #onChange: (start: RuntimeStart) => void;
  readonly #retired = new Set<AdapterVersion>();
  #current: AdapterVersion;
  #canary: Canary | undefined;

  /** @param onChange called with the state of the adapter whenever that changes */
  constructor(first: AdapterVersion, clock: Clock, onChange: (start: RuntimeStart) => void) {
    this.#clock = clock;
    this.#onChange = onChange;
    this.#current = first;
    first.onChange = () => this.#report();
  }

  get current(): AdapterVersion {
    return this.#current;
  }

  get canary(): Canary | undefined {
    return this.#canary;
  }

  /** Which version makes the attempt that begins now. */
  next(event: AcceptedEvent): AdapterVersion {
    return this.#canary?.takes(event) ? this.#canary.candidate : this.#current;
  }

  /** What an attempt of a version came to, once for each attempt. */
  count(by: AdapterVersion, outcome: AttemptEnd['kind']): void {
    if (outcome === 'not_run') return;
    // What a version that was retired still ends says nothing about the two that are compared.
    if (by === this.#current || by === this.#canary?.candidate) this.#canary?.count(by, outcome);
  }

  /**
   * Every attempt from now on is this version's, which has been started, or is the candidate of the canary that ends so.
   *
   * @returns the version before, which finishes what it has: retire it
   */
  switchTo(next: AdapterVersion): AdapterVersion {
    const before = this.#current;
    this.#canary = undefined;
    this.#current = next;
    next.replaces(before);
    this.#forget(before);
    next.onChange = () => this.#report();
    this.#report();
    return before;
  }

  /** A share of the keys goes from now on to a version that has been started. */
  beginCanary(candidate: AdapterVersion, options: CanaryOptions): Canary {
    const canary = new Canary(candidate, options, this.#clock);
    this.#canary = canary;
    candidate.onChange = (start) => {
      if (start.kind !== 'ready') canary.fail(start.cause ?? start.reason);
      this.#report();
    };
    this.#report();
    return canary;
  }

  /** All attempts from now on are the current version's; the candidate finishes what it has: retire it. */
  endCanary(): void {
    if (this.#canary === undefined) return;
    this.#forget(this.#canary.candidate);
    this.#canary = undefined;
    this.#report();
  }

  /** Closes a version that gets no new attempts, once those that it has ended, or after the time. */
  async retire(version: AdapterVersion, withinMs: number): Promise<void> {
    await version.drained(withinMs, this.#clock);
    await version.close();
    this.#retired.delete(version);
  }

  async close(): Promise<void> {
    this.#canary?.fail('the hub stopped');
    const candidate = this.#canary === undefined ? [] : [this.#canary.candidate];
    await Promise.all([this.#current, ...candidate, ...this.#retired].map((version) => version.close()));
  }

  /** What becomes of a version that gets nothing new concerns nobody. */
  #forget(version: AdapterVersion): void {
    version.onChange = () => undefined;
    this.#retired.add(version);
  }

  #report(): void {
    const start = this.#current.status;
    if (start !== undefined) this.#onChange(withCandidate(start, this.#canary?.candidate.status));
  }
}

/**
 * The state of an adapter while two versions of it run: it accepts what the current one accepts, at the pace that suits
 * both. A candidate that would refuse a type gets none of it, and one that would accept more has to wait: a delivery that is
 * skipped is skipped permanently.
 */
function withCandidate(start: RuntimeStart, candidate: RuntimeStart | undefined): RuntimeStart {
  if (start.kind !== 'ready' || candidate?.kind !== 'ready') return start;
  return {
    ...start,
    concurrency: Math.min(start.concurrency, candidate.concurrency),
    attemptTimeoutMs: Math.max(start.attemptTimeoutMs, candidate.attemptTimeoutMs),
  };
}
