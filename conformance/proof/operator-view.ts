import { type Ack, type DeliveryError, DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { type AdapterHealth, AdapterState, BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { CallError } from '../src/call-error.ts';
import type { Hub } from '../src/hub.ts';
import { createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';

const SETTLED: ReadonlySet<DeliveryState> = new Set([DeliveryState.DELIVERED, DeliveryState.DEAD_LETTERED]);
/** A queue that moves: what a tenth of a second brings. */
const WAITING_MAX = 40n;
const LOOK_EVERY_MS = 100;
/** pino's number for warnings. */
const WARN = 40;

/** What an operator is shown of one adapter: its health as it changes, and the hub's log of it. */
export class OperatorView {
  readonly #hub: Hub;
  readonly #adapter: string;
  readonly #client: SyncClient;
  readonly #lines = new Set<string>();
  #health: AdapterHealth | undefined;
  #onChange = () => {};

  constructor(hub: Hub, adapter: string) {
    this.#hub = hub;
    this.#adapter = adapter;
    this.#client = createSyncClient(grpcJs.create(hub.address));
    void this.#watch();
  }

  /** Each different thing that was shown so far, a line each. */
  get lines(): readonly string[] {
    return [...this.#lines, ...this.#logLines()];
  }

  /** It takes deliveries, nothing holds them back, and none is old. */
  get isWell(): boolean {
    const { state, breaker, waiting = 0n } = this.#health ?? {};
    return state === AdapterState.READY && breaker?.state === BreakerState.CLOSED && waiting < WAITING_MAX;
  }

  /** Looks again whenever something changes, and every second. @returns whether it was so within the time */
  async until(isSo: () => boolean | Promise<boolean>, withinMs: number): Promise<boolean> {
    const endsAtMs = performance.now() + withinMs;
    while (!(await isSo())) {
      if (performance.now() > endsAtMs || !this.#hub.isRunning) return false;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onChange = resolve;
      const timer = setTimeout(resolve, LOOK_EVERY_MS);
      await promise;
      clearTimeout(timer);
    }
    return true;
  }

  /** What became of some events at the adapter; shorter than they are while one of them is not settled. */
  async ends(eventIds: readonly string[]): Promise<readonly Ack[]> {
    const events = await Promise.all(eventIds.map((id) => this.#client.getEvent(id))).catch((error: unknown) => {
      // A hub that has ended reports nothing more; other checks notice that.
      if (error instanceof CallError && error.code === 'unavailable') return [];
      throw error;
    });
    const latest = events.flatMap(({ deliveries }) => deliveries.flatMap((delivery) => delivery.latest ?? []));
    const ends = latest.filter(({ adapter, state }) => adapter === this.#adapter && SETTLED.has(state));
    for (const { error } of ends) if (error !== undefined) this.#lines.add(tellError(error));
    return ends;
  }

  /** Makes no new calls; the watching ends with the hub. */
  close(): void {
    this.#client.close();
  }

  async #watch(): Promise<void> {
    try {
      for await (const { adapters } of this.#client.watchHealth()) {
        this.#health = adapters.find(({ id }) => id === this.#adapter);
        if (this.#health === undefined) continue;
        const { state, reason, breaker } = this.#health;
        this.#lines.add(`${AdapterState[state]} ${reason}`.trim());
        if (breaker?.lastError !== undefined) this.#lines.add(tellError(breaker.lastError));
        this.#onChange();
      }
    } catch {
      // The hub ended.
    }
  }

  /** What the hub's log has of the adapter, from warnings on. */
  #logLines(): readonly string[] {
    return this.#hub.log.split('\n').flatMap((line) => {
      if (!line.includes(`"adapter":"${this.#adapter}"`)) return [];
      const { level = 0, msg = '', fields } = JSON.parse(line) as { level?: number; msg?: string; fields?: object };
      return level >= WARN ? [`${msg}${fields === undefined ? '' : ` ${JSON.stringify(fields)}`}`] : [];
    });
  }
}

function tellError({ kind, code, message }: DeliveryError): string {
  return `${OutcomeKind[kind]} ${code} ${message}`;
}
