import { setTimeout as elapse } from 'node:timers/promises';
import { type Ack, DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { type AdapterHealth, AdapterState, BreakerState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { type Sandbox, type SystemName, startSandbox } from '@hms-sync/sandbox';
import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { createSyncClient, type SyncClient } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';

/** What one lane is configured with; all else is the default, as an operator has it. */
export type OutageLane = readonly [system: SystemName, settings: { readonly retry?: { readonly maxAttempts: number } }];

export interface PublishedEvent {
  readonly id: string;
  readonly key: string;
  readonly type: string;
  readonly atMs: number;
}

const LOOK_EVERY_MS = 50;
const TICK_MS = 10;

/** A real hub with its adapters in processes of their own, their stand-ins, and all that was published and acknowledged. */
export class OutageHub {
  readonly sandbox: Sandbox;
  /** By event, of each lane: the newest ack. */
  readonly acks = new Map<string, Map<string, Ack>>();
  /** How long each delivery took until DELIVERED, by event, of the lane that took longest. */
  readonly tookMs = new Map<string, number>();
  readonly deliveredAtMs: number[] = [];
  readonly #folder: HubFolder;
  readonly #published = new Map<string, PublishedEvent>();
  readonly #waiting: PublishedEvent[] = [];
  #hub: Hub;
  #client: SyncClient;
  #perSecond = 0;
  #isOpen = true;
  #made = 0;

  private constructor(sandbox: Sandbox, folder: HubFolder, hub: Hub) {
    this.sandbox = sandbox;
    this.#folder = folder;
    this.#hub = hub;
    this.#client = this.#connect();
  }

  static async create(lanes: readonly OutageLane[]): Promise<OutageHub> {
    const sandbox = await startSandbox({ keepCalls: 1_000_000 });
    const adapters = lanes.map(([id, settings]) => {
      return { package: 'adapter-ledger', id, config: { baseUrl: sandbox.urls[id] }, ...settings };
    });
    const folder = await HubFolder.create({ config: { adapters, logLevel: 'error' } });
    await folder.install('adapter-ledger');
    const outage = new OutageHub(sandbox, folder, await folder.start());
    await outage.until((health) => health.state === AdapterState.READY);
    return outage;
  }

  /** Publishes one event now. @returns its id */
  publish({ key = '', type = 'ProcessUpdated' } = {}): string {
    this.#made += 1;
    const event = { id: `event-${this.#made}`, key: key || `key-${this.#made}`, type, atMs: performance.now() };
    this.#published.set(event.id, event);
    this.#waiting.push(event);
    return event.id;
  }

  /** Publishes events of keys of their own at a steady rate from now on; 0 ends it. */
  flow(perSecond: number): void {
    this.#perSecond = perSecond;
  }

  /** kill -9, and up again on the same data. */
  async kill(): Promise<void> {
    this.#client.close();
    await this.#hub.kill();
    this.#hub = await this.#folder.start();
    this.#client = this.#connect();
  }

  async health(): Promise<readonly AdapterHealth[]> {
    return (await this.#client.getHealth()).adapters;
  }

  /** Resolves once every lane is as it is wanted; how long that took. @throws {Error} when it takes longer */
  async until(wanted: (health: AdapterHealth) => boolean, withinMs = 60_000): Promise<number> {
    const beganMs = performance.now();
    for (;;) {
      const adapters = await this.health();
      if (adapters.length > 0 && adapters.every(wanted)) return performance.now() - beganMs;
      if (performance.now() - beganMs > withinMs) {
        const seen = adapters.map(({ id, breaker, waiting, deadLetters }) => {
          return `${id}: breaker ${BreakerState[breaker?.state ?? 0]}, ${waiting} waiting, ${deadLetters} dead letters`;
        });
        throw new Error(`not within ${withinMs / 1_000} s: ${seen.join('; ')}`);
      }
      await elapse(LOOK_EVERY_MS);
    }
  }

  /** Resolves once it is so. @throws {Error} when it takes longer */
  async waitFor(what: string, isSo: () => boolean, withinMs = 60_000): Promise<void> {
    const beganMs = performance.now();
    while (!isSo()) {
      if (performance.now() - beganMs > withinMs) throw new Error(`${what}: not within ${withinMs / 1_000} s`);
      await elapse(LOOK_EVERY_MS);
    }
  }

  /**
   * How much younger than a delivered event one was at the most that was delivered before it.
   *
   * @param from the first delivered event that counts, from 0
   */
  longestOvertakenMs(from: number): number {
    let youngestAtMs = 0;
    let longestMs = 0;
    for (const id of [...this.tookMs.keys()].slice(from)) {
      const atMs = this.#published.get(id)?.atMs ?? 0;
      longestMs = Math.max(longestMs, youngestAtMs - atMs);
      youngestAtMs = Math.max(youngestAtMs, atMs);
    }
    return longestMs;
  }

  async deadLetters(): Promise<number> {
    return (await this.health()).reduce((sum, { deadLetters }) => sum + Number(deadLetters), 0);
  }

  /** The state of a delivery as it was last acknowledged, and how many attempts it had had. */
  stands(id: string, system: SystemName): { state: DeliveryState | undefined; attempt: number } {
    const ack = this.acks.get(id)?.get(system);
    return { state: ack?.state, attempt: ack?.attempt ?? 0 };
  }

  get published(): number {
    return this.#published.size;
  }

  async remove(): Promise<void> {
    this.#isOpen = false;
    this.#client.close();
    await this.#folder.remove();
    await this.sandbox.close();
  }

  #connect(): SyncClient {
    const client = createSyncClient(grpcJs.create(this.#hub.address));
    // It ends with the hub or the client.
    this.#read(client).catch(() => undefined);
    return client;
  }

  async #read(client: SyncClient): Promise<void> {
    for await (const { acks } of client.publishStream(this.#requests(client))) for (const ack of acks) this.#see(ack);
  }

  #see(ack: Ack): void {
    const { eventId, adapter, state } = ack;
    const known = this.acks.get(eventId) ?? new Map<string, Ack>();
    this.acks.set(eventId, known.set(adapter, ack));
    if (state !== DeliveryState.DELIVERED) return;
    const nowMs = performance.now();
    this.deliveredAtMs.push(nowMs);
    this.tookMs.set(eventId, nowMs - (this.#published.get(eventId)?.atMs ?? nowMs));
  }

  async *#requests(client: SyncClient) {
    let owed = 0;
    let lookedAtMs = performance.now();
    while (this.#isOpen && (this.#client === client || this.#client === undefined)) {
      const nowMs = performance.now();
      owed += ((nowMs - lookedAtMs) / 1_000) * this.#perSecond;
      lookedAtMs = nowMs;
      for (; owed >= 1; owed -= 1) this.publish();
      const events = this.#waiting.splice(0).map(({ id, key, type }) => ({ id, key, type }));
      if (events.length > 0) yield { events };
      await elapse(TICK_MS);
    }
  }
}
