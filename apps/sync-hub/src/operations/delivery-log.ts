import type { RecordedDelivery } from '../core/delivery.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import type { Clock } from '../lanes/clock.ts';
import { BoundedReports } from './bounded-reports.ts';
import type { LogLine } from './log-line.ts';
import { Trouble } from './trouble.ts';

export interface DeliveryLogOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'startTimer'>;
  readonly write: (line: LogLine) => void;
}

/** An adapter that fails now and then has not recovered in between. */
const CALM_MS = 10_000;
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
 * What the log says of deliveries: a line when an adapter begins to fail, one when it is well again, one for each dead
 * letter, within a bound. Ids and codes only: what a system answered may hold a payload.
 */
export class DeliveryLog {
  readonly #options: DeliveryLogOptions;
  readonly #adapters = new Map<string, AdapterLines>();

  constructor(options: DeliveryLogOptions) {
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
        calmMs: CALM_MS,
        onBegin: (record) => write({ level: 'warn', facts: factsOf(record), text: 'adapter begins to fail' }),
        onEnd: (sum) => write({ level: 'info', facts: { adapter, ...sum }, text: 'adapter is well again' }),
      }),
      deadLetters: new BoundedReports({
        clock,
        ...DEAD_LETTERS,
        onLeftOut: (leftOut) =>
          write({ level: 'warn', facts: { adapter, leftOut }, text: 'more dead letters than are named here' }),
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
