import { join } from 'node:path';
import { type Sandbox, SYSTEM_NAMES, startSandbox } from '@hms-sync/sandbox';
import type { CallError } from '../src/call-error.ts';
import type { Hub } from '../src/hub.ts';
import { type HubConfig, HubFolder } from '../src/hub-folder.ts';
import { createSyncClient, first } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { OrderBook } from './order-book.ts';
import { publishPersistently } from './persistent-publisher.ts';
import { breachesIn, judge, type Verdict } from './verdict.ts';

export interface LedgerStackOptions {
  /** Keys that are published, one event after the other each. */
  readonly keys: number;
  readonly payloadBytes?: number;
  /** From which an open breaker lets the next delivery through. */
  readonly breakerResetMs?: number;
  /** Settings of the hub beside its adapters. */
  readonly settings?: HubConfig;
}

/** What was accepted is delivered long before; later is lost. */
const SETTLE_WITHIN_MS = 300_000;
const MAX_CALLS = 2_000_000;

/**
 * A hub in a folder of its own, a publisher that writes down every ACCEPTED in a book and never gives up, and stand-ins
 * whose calls are the ledger. Whatever is done to the hub, in the end the two are compared.
 */
export class LedgerStack {
  readonly sandbox: Sandbox;
  readonly folder: HubFolder;
  readonly book = new OrderBook();
  readonly refusals = new RefusalTally();
  readonly #stop = new AbortController();
  readonly #publishing: Promise<void>;
  #hub: Hub | undefined;

  private constructor(sandbox: Sandbox, folder: HubFolder, { keys, payloadBytes = 0 }: LedgerStackOptions) {
    this.sandbox = sandbox;
    this.folder = folder;
    this.#publishing = publishPersistently({
      address: () => this.#hub?.address,
      book: this.book,
      keys,
      payloadBytes,
      signal: this.#stop.signal,
      onFailed: (error) => this.refusals.add(error),
    });
  }

  static async create(options: LedgerStackOptions): Promise<LedgerStack> {
    const sandbox = await startSandbox({ keepBodyBytes: 512 * 1024 * 1024, keepCalls: MAX_CALLS });
    const adapters = SYSTEM_NAMES.map((id) => ({
      package: 'adapter-ledger',
      id,
      config: { baseUrl: sandbox.urls[id] },
      retry: { baseMs: 20, capMs: 200, maxAttempts: 1_000 },
      breaker: { resetTimeoutMs: options.breakerResetMs ?? 100 },
    }));
    const folder = await HubFolder.create({ config: { adapters, logLevel: 'error', ...options.settings } });
    await folder.install('adapter-ledger');
    return new LedgerStack(sandbox, folder, options);
  }

  /** The hub's log of what was written last. */
  get logPath(): string {
    return `${this.journalPath}-wal`;
  }

  get journalPath(): string {
    return join(this.folder.path, '.hms-sync', 'journal.db');
  }

  /** Starts a hub on the data of the one before, and publishes to it. */
  async start(): Promise<Hub> {
    const hub = await this.folder.start();
    this.publishTo(hub);
    return hub;
  }

  /** Publishes to a hub on this data that runs already. */
  publishTo(hub: Hub): void {
    this.#hub = hub;
  }

  /** Nothing new is published until the next start. */
  pause(): void {
    this.#hub = undefined;
  }

  /** Resolves when this many more events were accepted. */
  async accepted(count: number): Promise<void> {
    await this.book.reaches(this.book.size + count);
  }

  /** Waits until the hub has nothing left to deliver, but not for ever. */
  async settle({ address }: Hub): Promise<void> {
    const client = createSyncClient(grpcJs.create(address));
    const deadlineMs = performance.now() + SETTLE_WITHIN_MS;
    await first(
      client.watchHealth(),
      ({ adapters }) => adapters.every(({ waiting }) => waiting === 0n) || performance.now() > deadlineMs,
    );
    client.close();
  }

  /** Ends the publishing, waits until the hub has nothing left to deliver, and compares the ledger with the book. */
  async verdict(): Promise<Verdict> {
    this.#stop.abort();
    await this.#publishing;
    if (this.#hub !== undefined) await this.settle(this.#hub);
    return judge(this.book, this.sandbox.calls({ limit: MAX_CALLS }));
  }

  /** Starts a hub and takes the verdict; empty when all is well. */
  async breachesAfterRestart(): Promise<readonly string[]> {
    await this.start();
    return breachesIn(await this.verdict());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.folder.remove();
    await this.#publishing;
    await this.sandbox.close();
  }
}

/** How publishes were refused or cut off, and how often: by status and reason, such as `unavailable HUB_STOPPING`. */
export class RefusalTally {
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Map<string, PromiseWithResolvers<void>>();

  count(refusal: string): number {
    return this.#counts.get(refusal) ?? 0;
  }

  add({ code, reason }: CallError): void {
    const refusal = reason === '' ? code : `${code} ${reason}`;
    this.#counts.set(refusal, this.count(refusal) + 1);
    this.#waiting.get(refusal)?.resolve();
    this.#waiting.delete(refusal);
  }

  /** Each with how often, the most frequent one first. */
  get summary(): string {
    const counts = [...this.#counts].toSorted(([, left], [, right]) => right - left);
    return counts.map(([refusal, count]) => `${count} x ${refusal}`).join(', ');
  }

  /** Resolves at the next one of this kind. */
  async next(refusal: string): Promise<void> {
    const waiting = this.#waiting.get(refusal) ?? Promise.withResolvers<void>();
    this.#waiting.set(refusal, waiting);
    await waiting.promise;
  }
}
