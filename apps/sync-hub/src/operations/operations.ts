import type { Commit, Journal } from '../journal/journal.ts';
import type { Positions } from '../journal/positions.ts';
import type { Clock } from '../lanes/clock.ts';
import type { LaneSet } from '../lanes/lane-set.ts';
import { DeliveryFinder } from './delivery-query.ts';
import { Discards } from './discards.ts';
import { EventTail } from './event-tail.ts';
import type { LogLine } from './hub-log.ts';
import { DeliveryLog, PublishLog } from './hub-log.ts';
import { ReplayJobs } from './replay-runner.ts';
import { Retention } from './retention.ts';

export interface OperationsOptions {
  readonly journal: Journal;
  readonly lanes: Pick<LaneSet, 'get' | 'heldBy'>;
  readonly clock: Clock;
  /** The place after the newest record. */
  readonly place: () => Positions;
  /** For this long after its last delivery was settled, an event is kept. */
  readonly settledMs: number;
  /** The name of this hub, where several share the journal. */
  readonly hub?: string | undefined;
  /** What the hub did by itself, for the log. */
  readonly write: (line: LogLine) => void;
}

/** What operators ask the hub to do beside the flow of events, and what it does for them by itself. */
export class Operations {
  readonly finder: DeliveryFinder;
  readonly discards: Discards;
  readonly jobs: ReplayJobs;
  readonly tail: EventTail;
  /** Is notified of what is accepted and refused. */
  readonly publishLog: PublishLog;
  readonly #deliveryLog: DeliveryLog;
  readonly #retention: Retention;

  constructor({ journal, lanes, clock, place, settledMs, hub, write }: OperationsOptions) {
    const onReport = (facts: LogLine['facts'], text: string) => write({ level: 'info', facts, text });
    this.publishLog = new PublishLog({ clock, write });
    this.#deliveryLog = new DeliveryLog({ clock, write });
    this.finder = new DeliveryFinder({ journal, lanes });
    this.discards = new Discards({ journal, lanes, finder: this.finder, clock });
    this.jobs = new ReplayJobs({
      journal,
      clock,
      place,
      hub,
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

  /** A commit is on disk. */
  committed({ events, records }: Commit): void {
    this.tail.accepted(events);
    this.tail.recorded(records);
    this.#deliveryLog.recorded(records);
  }

  /** Continues what an earlier hub process did not finish. */
  async start(): Promise<void> {
    await this.jobs.resume();
    this.#retention.start();
  }

  /** Resolves once none of what it does by itself uses the journal any more; tails end with their calls. */
  async stop(): Promise<void> {
    await Promise.all([this.jobs.stop(), this.#retention.stop()]);
    this.publishLog.stop();
    this.#deliveryLog.stop();
  }
}
