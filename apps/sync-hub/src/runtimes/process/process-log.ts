import type { AdapterLog, LogFields } from '@hms-sync/adapter-sdk/host';

/** More than a person reads, and less than fills a disk in a night. */
const RECORDS_PER_SECOND = 100;

/** What an adapter's process says, as the hub's records: bounded, and told how many were left out. */
export class ProcessLog {
  readonly #log: AdapterLog;
  #written = 0;
  #leftOut = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: AdapterLog) {
    this.#log = log;
  }

  /** @param message made only when it is written, for a process that floods */
  write(level: keyof AdapterLog, message: () => string, fields?: LogFields): void {
    // One timer for each second in which something is written.
    this.#timer ??= setTimeout(() => this.#nextSecond(), 1_000).unref();
    if (this.#written >= RECORDS_PER_SECOND) {
      this.#leftOut += 1;
      return;
    }
    this.#written += 1;
    this.#log[level](message(), fields);
  }

  /** Tells at once how many were left out: nothing more comes. */
  end(): void {
    clearTimeout(this.#timer);
    this.#nextSecond();
  }

  #nextSecond(): void {
    this.#timer = undefined;
    this.#written = 0;
    if (this.#leftOut === 0) return;
    this.#log.warn(`the adapter's process wrote more than ${RECORDS_PER_SECOND} lines within a second`, {
      leftOut: this.#leftOut,
    });
    this.#leftOut = 0;
  }
}
