import type { RecordedDelivery } from '../core/delivery.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { Clock } from '../lanes/clock.ts';
import { Trouble } from './trouble.ts';

/** A line for the hub's log: never a payload, never a secret. */
export interface LogLine {
  readonly level: 'info' | 'warn';
  readonly facts: Readonly<Record<string, unknown>>;
  readonly text: string;
}

export interface HubLogOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'startTimer'>;
  readonly write: (line: LogLine) => void;
}

/** An adapter that fails now and then has not recovered in between. */
const DELIVERY_CALM_MS = 10_000;
/** Of one adapter: what an operator reads, and not what fills a disk in a night. */
const DEAD_LETTERS = { most: 20, intervalMs: 60_000 };

/** The outcomes that say that the external system or the adapter is unwell. */
const UNWELL: readonly OutcomeKind[] = ['retryable', 'timed_out', 'crashed'];

/** The lines of one adapter. */
interface AdapterLines {
  readonly trouble: Trouble<RecordedDelivery>;
  readonly deadLetters: BoundedReports;
}

/**
 * What the log says of deliveries: a line when an adapter begins to fail, one when it recovered, one for each dead
 * letter, within a bound. Ids and codes only: what a system answered may hold a payload.
 */
export class DeliveryLog {
  readonly #options: HubLogOptions;
  readonly #adapters = new Map<string, AdapterLines>();

  constructor(options: HubLogOptions) {
    this.#options = options;
  }

  /** Records that are on disk. */
  recorded(records: readonly RecordedDelivery[]): void {
    for (const record of records) this.#record(record);
  }

  stop(): void {
    for (const { trouble, deadLetters } of this.#adapters.values()) {
      trouble.stop();
      deadLetters.stop();
    }
  }

  #record(record: RecordedDelivery): void {
    const { trouble, deadLetters } = this.#linesOf(record.adapter);
    if (record.attempt?.outcome === 'delivered') trouble.succeeded();
    else if (record.attempt !== undefined && UNWELL.includes(record.attempt.outcome)) trouble.failed(record);
    if (record.state !== 'dead_lettered') return;
    deadLetters.report(() =>
      this.#options.write({ level: 'warn', facts: factsOf(record), text: 'dead letter; it waits for an operator' }),
    );
  }

  #linesOf(adapter: string): AdapterLines {
    const { clock, write } = this.#options;
    const known = this.#adapters.get(adapter);
    if (known !== undefined) return known;
    const lines = {
      trouble: new Trouble<RecordedDelivery>({
        clock,
        calmMs: DELIVERY_CALM_MS,
        onBegin: (record) => write({ level: 'warn', facts: factsOf(record), text: 'adapter begins to fail' }),
        onEnd: (sum) => write({ level: 'info', facts: { adapter, ...sum }, text: 'adapter recovered' }),
      }),
      deadLetters: new BoundedReports({
        clock,
        ...DEAD_LETTERS,
        onLeftOut: (leftOut) =>
          write({ level: 'warn', facts: { adapter, leftOut }, text: 'further dead letters, not listed' }),
      }),
    };
    this.#adapters.set(adapter, lines);
    return lines;
  }
}

function factsOf({
  adapter,
  adapterVersion,
  eventId,
  source,
  attempts,
  attempt,
  reason,
}: RecordedDelivery): LogLine['facts'] {
  const failed = attempt && { outcome: attempt.outcome, code: attempt.failure?.code };
  return { adapter, adapterVersion, eventId, source, attempts, ...(failed ?? { code: reason }) };
}

/** The reasons that are the hub's; what is wrong with an event is its publisher's. */
const HUB_REASONS = ['HUB_OVERLOADED', 'JOURNAL_FULL'];
/** Publishers come back one after the other. */
const PUBLISH_CALM_MS = 2_000;

/** What the log says of publishing: a line when the hub begins to refuse events, one when it accepts them again. */
export class PublishLog {
  readonly #trouble: Trouble<string>;

  constructor({ clock, write }: HubLogOptions) {
    this.#trouble = new Trouble({
      clock,
      calmMs: PUBLISH_CALM_MS,
      onBegin: (reason) => write({ level: 'warn', facts: { reason }, text: 'publishing is refused' }),
      onEnd: ({ failures: rejected, lastedMs }) =>
        write({ level: 'info', facts: { rejected, lastedMs }, text: 'publishing is accepted again' }),
    });
  }

  /** An event was refused for this reason. */
  rejected(reason: string): void {
    if (HUB_REASONS.includes(reason)) this.#trouble.failed(reason);
  }

  /** A new event is on disk. */
  accepted(): void {
    this.#trouble.succeeded();
  }

  stop(): void {
    this.#trouble.stop();
  }
}

export interface BoundedReportsOptions {
  readonly clock: Pick<Clock, 'startTimer'>;
  /** At most this many within each interval, which begins with the first. */
  readonly most: number;
  readonly intervalMs: number;
  /** Called at the end of an interval in which some were left out. */
  readonly onLeftOut: (count: number) => void;
}

/** Lets reports through up to a bound, and counts the others. */
export class BoundedReports {
  readonly #options: BoundedReportsOptions;
  #let = 0;
  #leftOut = 0;
  #cancelTimer: (() => void) | undefined;

  constructor(options: BoundedReportsOptions) {
    this.#options = options;
  }

  report(write: () => void): void {
    const { clock, most, intervalMs } = this.#options;
    this.#cancelTimer ??= clock.startTimer(intervalMs, () => this.#endInterval());
    if (this.#let >= most) {
      this.#leftOut += 1;
      return;
    }
    this.#let += 1;
    write();
  }

  /** Says at once how many were left out: nothing more comes. */
  stop(): void {
    this.#cancelTimer?.();
    this.#endInterval();
  }

  #endInterval(): void {
    const leftOut = this.#leftOut;
    this.#cancelTimer = undefined;
    this.#let = 0;
    this.#leftOut = 0;
    if (leftOut > 0) this.#options.onLeftOut(leftOut);
  }
}
