import { isInShare, judgeCanary, type Tally } from '../core/canary-rule.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { AdapterVersion } from './adapter-version.ts';
import type { Clock } from './clock.ts';

/** What an operator asks of a canary. */
export interface CanaryOptions {
  /** The share of the keys that the new version gets, 1 to 99. */
  readonly percent: number;
  /** The end comes after this many attempts of the new version. */
  readonly attempts: number;
  /** Or after this time. */
  readonly timeMs: number;
}

/** How a canary ended: the new version may take over, or it is rolled back, and why. */
export type CanaryEnd = { readonly kind: 'passed' } | { readonly kind: 'failed'; readonly why: string };

/** The state of a canary, for operators. */
export interface CanaryHealth extends Readonly<Tally> {
  /** The new version, as all that follows. */
  readonly version: string;
  readonly percent: number;
}

/** A new version of an adapter that gets a share of the keys until it takes over or is rolled back, by `judgeCanary`. */
export class Canary {
  readonly candidate: AdapterVersion;
  /** Never rejects. */
  readonly ended: Promise<CanaryEnd>;
  readonly #options: CanaryOptions;
  readonly #end: (end: CanaryEnd) => void;
  readonly #tallies: { readonly candidate: Tally; readonly current: Tally } = {
    candidate: { attempts: 0, failures: 0 },
    current: { attempts: 0, failures: 0 },
  };
  #isMisconfigured = false;

  constructor(candidate: AdapterVersion, options: CanaryOptions, clock: Pick<Clock, 'startTimer'>) {
    this.candidate = candidate;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<CanaryEnd>();
    const stopTimer = clock.startTimer(options.timeMs, () => this.#judge({ isTimeUp: true }));
    this.ended = promise;
    this.#end = (end) => {
      stopTimer();
      resolve(end);
    };
  }

  /** The candidate reported that its configuration or credential is refused. */
  get isMisconfigured(): boolean {
    return this.#isMisconfigured;
  }

  get health(): CanaryHealth {
    return { version: this.candidate.version, percent: this.#options.percent, ...this.#tallies.candidate };
  }

  /** Whether an event's next attempt is the candidate's. What it would not accept goes to the version that does. */
  takes({ key, id, type }: Pick<AcceptedEvent, 'key' | 'id' | 'type'>): boolean {
    const { status } = this.candidate;
    if (status?.kind !== 'ready') return false;
    return isInShare(key || id, this.#options.percent) && (status.accepts === 'all' || status.accepts.has(type));
  }

  /** An attempt of either version ended, or ran out of its time. */
  count(version: AdapterVersion, outcome: OutcomeKind): void {
    if (outcome === 'throttled') return;
    const isCandidate = version === this.candidate;
    const tally = isCandidate ? this.#tallies.candidate : this.#tallies.current;
    tally.attempts += 1;
    if (outcome !== 'delivered') tally.failures += 1;
    if (!isCandidate) return;
    if (outcome === 'misconfigured') {
      this.#isMisconfigured = true;
      this.fail('its configuration or credential was refused');
    } else this.#judge({ isTimeUp: false });
  }

  /** Ends it, whatever the attempts were. */
  fail(why: string): void {
    this.#end({ kind: 'failed', why });
  }

  #judge({ isTimeUp }: { readonly isTimeUp: boolean }): void {
    const verdict = judgeCanary(this.#tallies, { attemptsMax: this.#options.attempts, isTimeUp });
    if (verdict === 'takes_over') this.#end({ kind: 'passed' });
    else if (verdict === 'rolls_back') this.fail(this.#comparison());
  }

  #comparison(): string {
    const { candidate, current } = this.#tallies;
    if (candidate.attempts === 0) return 'it made no attempt in its time';
    return `${candidate.failures} of its ${candidate.attempts} attempts failed, and ${current.failures} of ${current.attempts} of the version before`;
  }
}
