import type { AuditLog } from './audit-log.ts';

const MINUTE_MS = 60_000;
/** Addresses that are counted apart in one minute. */
const ADDRESSES_MAX = 1_000;
const OTHERS = 'others';

interface Counts {
  readonly since: string;
  readonly refused: Record<string, number>;
}

/**
 * Counts refused credentials, by address and reason, for the audit log: a record a minute for each address, so that who
 * guesses cannot fill the disk.
 */
export class RefusedCredentials {
  readonly #log: Pick<AuditLog, 'record'>;
  readonly #wallMs: () => number;
  readonly #timer: NodeJS.Timeout;
  #counts = new Map<string, Counts>();

  constructor(log: Pick<AuditLog, 'record'>, wallMs: () => number) {
    this.#log = log;
    this.#wallMs = wallMs;
    this.#timer = setInterval(() => void this.flush(), MINUTE_MS).unref();
  }

  /** One more. @param reason such as CREDENTIAL_REFUSED, or CALLER_THROTTLED after too many */
  note(address: string, reason: string): void {
    const known = this.#counts.has(address) || this.#counts.size < ADDRESSES_MAX ? address : OTHERS;
    const counts = this.#counts.get(known) ?? { since: new Date(this.#wallMs()).toISOString(), refused: {} };
    counts.refused[reason] = (counts.refused[reason] ?? 0) + 1;
    this.#counts.set(known, counts);
  }

  /** Writes what was counted. What cannot be written now is lost: the hub's log says so. */
  async flush(): Promise<void> {
    const counted = this.#counts;
    this.#counts = new Map();
    const records = [...counted].map(([address, counts]) => {
      return this.#log.record({ event: 'credentials', address, ...counts }).catch(() => undefined);
    });
    await Promise.all(records);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }
}
