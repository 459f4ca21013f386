import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import { createSyncClient, type SyncClient } from '../sync-client.ts';
import { grpcConnect } from '../transports/connect-transport.ts';

/** Reads every ack from a place on, through cuts and crashes: whenever its stream ends it resumes by its last cursor. */
export class AckReader {
  readonly acks: Ack[] = [];
  /** How often it had to resume. */
  resumed = 0;
  readonly #address: string;
  readonly #stop = new AbortController();
  readonly #reading: Promise<void>;
  #cursor: string;
  #client: SyncClient | undefined;

  constructor(address: string, cursor: string) {
    this.#address = address;
    this.#cursor = cursor;
    this.#reading = this.#readOn();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#client?.close();
    await this.#reading;
  }

  async #readOn(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // A connection of its own each time: an old one would wait before it tries again.
      const client = createSyncClient(grpcConnect.create(this.#address));
      this.#client = client;
      try {
        for await (const { acks, cursor } of client.watchAcks({ cursor: this.#cursor })) {
          this.acks.push(...acks);
          this.#cursor = cursor;
          if (this.#stop.signal.aborted) break;
        }
      } catch {
        this.resumed += 1;
      }
      client.close();
    }
  }
}
