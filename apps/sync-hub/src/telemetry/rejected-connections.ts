import type { Log } from './log.ts';

/** An attacker must not fill the log, and an operator must see that there is one, or that a limit is too low. */
const QUIET_MS = 60_000;

const TOO_MANY =
  'connections are refused: as many are open as limits.connections, limits.connectionsPerAddress or ulimit -n allow';

/** Writes to the log that connections were refused: the first at once, then how many, once a minute at the most. */
export class RejectedConnections {
  readonly #log: Pick<Log, 'warn'>;
  readonly #nowMs: () => number;
  #since = 0;
  #loggedAtMs = Number.NEGATIVE_INFINITY;

  constructor(log: Pick<Log, 'warn'>, nowMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** One more, from this address. @param why of those that are not one too many */
  note(address: string, why?: string): void {
    this.#since += 1;
    if (this.#nowMs() - this.#loggedAtMs < QUIET_MS) return;
    this.#log.warn(
      { address, rejected: this.#since, ...(why !== undefined && { why }) },
      why === undefined ? TOO_MANY : 'connections are refused before their first request',
    );
    this.#since = 0;
    this.#loggedAtMs = this.#nowMs();
  }
}
