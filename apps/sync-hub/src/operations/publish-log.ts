import type { Clock } from '../lanes/clock.ts';
import type { LogLine } from './log-line.ts';
import { Trouble } from './trouble.ts';

export interface PublishLogOptions {
  readonly clock: Pick<Clock, 'monotonicMs' | 'startTimer'>;
  readonly write: (line: LogLine) => void;
}

/** The reasons that are the hub's; what is wrong with an event is its publisher's. */
const HUB_REASONS = ['HUB_OVERLOADED', 'JOURNAL_FULL'];
/** Publishers come back one after the other. */
const CALM_MS = 2_000;

/** What the log says of publishing: a line when the hub begins to refuse events, one when it accepts them again. */
export class PublishLog {
  readonly #trouble: Trouble<string>;

  constructor({ clock, write }: PublishLogOptions) {
    this.#trouble = new Trouble({
      clock,
      calmMs: CALM_MS,
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
