import { failsMore, isInShare, mayTakeOver, type Tally } from '../core/canary.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { AdapterVersion } from './adapter-version.ts';
import type { Clock } from './clock.ts';

export interface TrialOptions {
  readonly candidate: AdapterVersion;
  /** The share of the keys that it gets, 1 to 99. */
  readonly percent: number;
  /** So many attempts prove it. */
  readonly attempts: number;
  /** After this it takes over with fewer, unless it failed more often than the other. */
  readonly timeMs: number;
  readonly clock: Pick<Clock, 'startTimer'>;
}

export type TrialEnd =
  /** It may take over. */
  | { readonly kind: 'proven' }
  /** It is to go, and why. */
  | { readonly kind: 'failed'; readonly why: string };

/** How a trial stands, for operators. */
export interface TrialHealth {
  readonly version: string;
  readonly percent: number;
  /** Of the candidate. */
  readonly attempts: number;
  readonly failures: number;
}

/** A new version of an adapter that gets a share of the keys until it has proven itself or failed. */
export class Trial {
  readonly candidate: AdapterVersion;
  /** Never rejects. */
  readonly ended: Promise<TrialEnd>;
  readonly #options: TrialOptions;
  readonly #end: (end: TrialEnd) => void;
  readonly #tallies: { readonly candidate: Tally; readonly current: Tally } = {
    candidate: { attempts: 0, failures: 0 },
    current: { attempts: 0, failures: 0 },
  };
  #misconfigured = false;

  constructor(options: TrialOptions) {
    this.candidate = options.candidate;
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<TrialEnd>();
    const takeBack = options.clock.startTimer(options.timeMs, () => this.#timeIsUp());
    this.ended = promise;
    this.#end = (end) => {
      takeBack();
      resolve(end);
    };
  }

  /** The candidate said that its configuration or credential is refused. */
  get isMisconfigured(): boolean {
    return this.#misconfigured;
  }

  get health(): TrialHealth {
    const { candidate, percent } = this.#options;
    return { version: candidate.version, percent, ...this.#tallies.candidate };
  }

  /** Whether an event's next attempt is the candidate's. What it would not take goes to the version that does. */
  takes({ key, id, type }: Pick<AcceptedEvent, 'key' | 'id' | 'type'>): boolean {
    const { candidate, percent } = this.#options;
    const { standing } = candidate;
    if (standing?.kind !== 'ready') return false;
    return isInShare(key || id, percent) && (standing.accepts === 'all' || standing.accepts.has(type));
  }

  /** An attempt of either version ended, or ran out of its time. */
  saw(version: AdapterVersion, outcome: OutcomeKind): void {
    const isCandidate = version === this.candidate;
    const tally = isCandidate ? this.#tallies.candidate : this.#tallies.current;
    tally.attempts += 1;
    if (outcome !== 'delivered' && outcome !== 'throttled') tally.failures += 1;
    if (!isCandidate) return;
    if (outcome === 'misconfigured') {
      this.#misconfigured = true;
      this.fail('its configuration or credential was refused');
    } else if (failsMore(this.#tallies)) this.fail(this.#comparison());
    else if (tally.attempts >= this.#options.attempts) this.#end({ kind: 'proven' });
  }

  /** It is to go, whatever its attempts said. */
  fail(why: string): void {
    this.#end({ kind: 'failed', why });
  }

  #timeIsUp(): void {
    if (mayTakeOver(this.#tallies)) this.#end({ kind: 'proven' });
    else this.fail(this.#comparison());
  }

  #comparison(): string {
    const { candidate, current } = this.#tallies;
    if (candidate.attempts === 0) return `it made no attempt, and the version before ${current.attempts}`;
    return `${candidate.failures} of its ${candidate.attempts} attempts failed, and ${current.failures} of ${current.attempts} of the version before`;
  }
}
