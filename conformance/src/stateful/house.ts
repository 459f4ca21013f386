import { JobState } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { SYSTEM_NAMES } from '@hms-sync/sandbox';
import { type AdminClient, createAdminClient } from '../admin-client.ts';
import type { DisturbedStack } from '../network/disturbed-stack.ts';
import { createSyncClient, first, type SyncClient } from '../sync-client.ts';
import { grpcJs } from '../transports/grpc-js.ts';
import { AckReader } from './ack-reader.ts';

/** The real side of a run: a hub with its networks and systems, its publisher, and a reader of its acks. */
export class House {
  readonly stack: DisturbedStack;
  /** Where this run's acks begin. */
  readonly startCursor: string;
  readonly reader: AckReader;
  /** The replays of this run. */
  readonly jobs: string[] = [];
  #client: SyncClient;
  #admin: AdminClient;

  private constructor(stack: DisturbedStack, client: SyncClient, startCursor: string) {
    this.stack = stack;
    this.#client = client;
    this.#admin = createAdminClient(grpcJs.create(stack.hub.address));
    this.startCursor = startCursor;
    this.reader = new AckReader(stack.front.url, startCursor);
  }

  /** @param stack on which one run after the other can play */
  static async open(stack: DisturbedStack): Promise<House> {
    const client = createSyncClient(grpcJs.create(stack.hub.address));
    const { cursor } = await first(client.watchAcks({}));
    return new House(stack, client, cursor);
  }

  /** Reaches the hub without the network before it. */
  get client(): SyncClient {
    return this.#client;
  }

  /** An operator, by the same way. */
  get admin(): AdminClient {
    return this.#admin;
  }

  /** kill -9, and another hub on the same data. */
  async crash(): Promise<void> {
    this.#client.close();
    this.#admin.close();
    await this.stack.crash();
    this.#client = createSyncClient(grpcJs.create(this.stack.hub.address));
    this.#admin = createAdminClient(grpcJs.create(this.stack.hub.address));
  }

  /** Ends every trouble. What is still on its way through a sick network is lost with its connection. */
  async heal(): Promise<void> {
    const { sandbox, front, back } = this.stack;
    await sandbox.clearFaults();
    for (const network of [front, ...Object.values(back)]) {
      network.resetAll();
      network.heal();
    }
    for (const name of SYSTEM_NAMES) await this.#admin.resume(name, 'the end of a run');
    for (const id of this.jobs) await first(this.#admin.watchJob(id), ({ state }) => state !== JobState.RUNNING);
  }

  async close(): Promise<void> {
    await this.reader.stop();
    this.#client.close();
    this.#admin.close();
  }
}
