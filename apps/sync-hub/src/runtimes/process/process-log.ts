import type { AdapterLog, LogFields } from '@hms-sync/adapter-sdk/host';

/** More than an operator reads, and less than fills a disk in a night. */
const LINES_PER_SECOND = 100;
/** Of long ones there are fewer. */
const CHARACTERS_PER_SECOND = 256 * 1024;

/** What an adapter's process says, as the hub's records: bounded, and counted where it was left out. */
export class ProcessLog {
  readonly #log: AdapterLog;
  #lines = 0;
  #characters = 0;
  #leftOut = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: AdapterLog) {
    this.#log = log;
  }

  /** Whether there is room for another line in this second. */
  get hasRoom(): boolean {
    return this.#lines < LINES_PER_SECOND && this.#characters < CHARACTERS_PER_SECOND;
  }

  /** Takes room for a line of it, whatever comes of that: reading it costs, too. */
  spend(characters: number): void {
    this.#startSecond();
    this.#lines += 1;
    this.#characters += characters;
  }

  write(level: keyof AdapterLog, message: string, fields?: LogFields): void {
    this.#log[level](message, fields);
  }

  leaveOut(lines: number): void {
    this.#startSecond();
    this.#leftOut += lines;
  }

  /** Reports at once how many were left out: nothing more comes. */
  end(): void {
    clearTimeout(this.#timer);
    this.#nextSecond();
  }

  /** One timer for each second in which something is written. */
  #startSecond(): void {
    this.#timer ??= setTimeout(() => this.#nextSecond(), 1_000).unref();
  }

  #nextSecond(): void {
    this.#timer = undefined;
    this.#lines = 0;
    this.#characters = 0;
    if (this.#leftOut === 0) return;
    this.#log.warn(`the adapter's process wrote more than ${LINES_PER_SECOND} lines within a second`, {
      leftOut: this.#leftOut,
    });
    this.#leftOut = 0;
  }
}
