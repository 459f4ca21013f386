import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { Journal } from '../journal/journal.ts';
import type { Clock } from '../lanes/clock.ts';
import type { Lanes } from '../lanes/lanes.ts';
import { DeliveryLog } from './delivery-log.ts';
import { DeliveryFinder } from './delivery-query.ts';
import { Discards } from './discards.ts';
import { EventTail } from './event-tail.ts';
import type { LogLine } from './log-line.ts';
import { PublishLog } from './publish-log.ts';
import { ReplayJobs } from './replay-jobs.ts';
import { Retention } from './retention.ts';

export interface OperationsOptions {
  readonly journal: Journal;
  readonly lanes: Pick<Lanes, 'get' | 'heldBy'>;
  readonly clock: Clock;
  /** The place of the newest record. */
  readonly lastCursor: () => number;
  /** So long after its last delivery was settled, an event is kept. */
  readonly settledMs: number;
  /** What the hub did by itself and how it fares, for the log. */
  readonly write: (line: LogLine) => void;
}

/** What people ask the hub to do beside its way of events, and what it does for them by itself. */
export class Operations {
  readonly finder: DeliveryFinder;
  readonly discards: Discards;
  readonly jobs: ReplayJobs;
  readonly tail: EventTail;
  /** Told of what is accepted and refused. */
  readonly publishLog: PublishLog;
  readonly #deliveryLog: DeliveryLog;
  readonly #retention: Retention;

  constructor({ journal, lanes, clock, lastCursor, settledMs, write }: OperationsOptions) {
    const onReport = (facts: LogLine['facts'], text: string) => write({ level: 'info', facts, text });
    this.publishLog = new PublishLog({ clock, write });
    this.#deliveryLog = new DeliveryLog({ clock, write });
    this.finder = new DeliveryFinder({ journal, lanes });
    this.discards = new Discards({ journal, lanes, finder: this.finder, wallMs: clock.wallMs });
    this.jobs = new ReplayJobs({
      journal,
      clock,
      lastCursor,
      onEnd: ({ id: job, state, sent }) => onReport({ job, state, sent }, 'a replay job ended'),
    });
    this.tail = new EventTail({ journal, clock });
    this.#retention = new Retention({
      journal,
      clock,
      settledMs,
      onRound: (deleted) => onReport(deleted, 'settled events were deleted after their time'),
    });
  }

  /** Events that are on disk. */
  accepted(events: readonly AcceptedEvent[]): void {
    this.tail.accepted(events);
  }

  /** Records that are on disk. */
  recorded(records: readonly RecordedDelivery[]): void {
    this.tail.recorded(records);
    this.#deliveryLog.recorded(records);
  }

  /** Goes on with what an earlier hub process did not finish. */
  async start(): Promise<void> {
    await this.jobs.resume();
    this.#retention.start();
  }

  /** Resolves once none of what it does by itself uses the journal any more; those who look on end with their calls. */
  async stop(): Promise<void> {
    await Promise.all([this.jobs.stop(), this.#retention.stop()]);
    this.publishLog.stop();
    this.#deliveryLog.stop();
  }
}
