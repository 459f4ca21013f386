import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { Accepted } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { eventOf, type OutboxEntry } from './outbox-entry.ts';
import type { Process, ProcessDraft } from './process.ts';
import type { ProcessStore } from './process-store.ts';
import { isRefusal, isServiceError, type Publisher } from './publisher.ts';

/** What the service reports about the changes that it publishes. */
export interface ProcessServiceListener {
  onAccepted(accepted: Accepted): void;
  onAck(ack: Ack): void;
  onTryAgain(reason: string, delayMs: number): void;
  /** The hub will never accept this change; it stays in the store, marked, for an operator. */
  onRefused(entry: OutboxEntry, reason: string): void;
}

/** What the service is made of. */
export interface ProcessServiceParts {
  store: ProcessStore;
  publisher: Publisher;
  listener: ProcessServiceListener;
}

/**
 * Saves processes and publishes the changes. Saving never waits for the hub and never fails because of
 * it: a change goes to disk together with the note that it is to be published, and the note goes only when the hub
 * has accepted the event.
 */
export class ProcessService {
  readonly #store: ProcessStore;
  readonly #publisher: Publisher;
  readonly #listener: ProcessServiceListener;

  constructor({ store, publisher, listener }: ProcessServiceParts) {
    this.#store = store;
    this.#publisher = publisher;
    this.#listener = listener;
  }

  /** Saves the next version of a process. `publishPending` then publishes it. */
  async save(draft: ProcessDraft): Promise<Process> {
    return (await this.#store.save(draft, new Date())).process;
  }

  /**
   * Publishes what is saved and not accepted yet, the oldest change first. To be called after a save, at each start,
   * and now and then: what a crash or a hub that was away left behind goes out with the next call.
   *
   * @returns true when all of it has settled at every adapter, false when some is still being tried by the hub
   * @throws ServiceError when the hub does not answer; what is left stays in the store
   */
  async publishPending(): Promise<boolean> {
    let allSettled = true;
    for (const entry of await this.#store.unpublished()) {
      const settled = await this.#publish(entry);
      allSettled &&= settled;
    }
    return allSettled;
  }

  async #publish(entry: OutboxEntry): Promise<boolean> {
    try {
      return await this.#publisher.publish(eventOf(entry), {
        onAccepted: async (accepted) => {
          await this.#store.markPublished(entry);
          this.#listener.onAccepted(accepted);
        },
        onAck: (ack) => this.#listener.onAck(ack),
        onTryAgain: (reason, delayMs) => this.#listener.onTryAgain(reason, delayMs),
      });
    } catch (error) {
      if (!isServiceError(error) || !isRefusal(error)) throw error;
      await this.#store.markRefused(entry, error.details);
      this.#listener.onRefused(entry, error.details);
      return true;
    }
  }
}
