import { setTimeout as sleep } from 'node:timers/promises';
import { create } from '@bufbuild/protobuf';
import { type ServiceError, status } from '@grpc/grpc-js';
import type { Ack } from '@hms-sync/proto/hms/sync/v1/ack';
import type { SyncEvent } from '@hms-sync/proto/hms/sync/v1/event';
import { type Accepted, PublishRequestSchema, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import type { SyncClient } from './sync-client.ts';

/** Gets the results of an event. */
export interface PublishListener {
  /** The event is on the hub's disk. May be reported again, with `duplicate`, when the stream was lost after it. */
  onAccepted(accepted: Accepted): void | Promise<void>;
  /** A delivery changed its state. After a lost stream some may be reported again. */
  onAck(ack: Ack): void;
  /** There was no answer; the same event will be published again. */
  onTryAgain(reason: string, delayMs: number): void;
}

/** How long a publisher tries. */
export interface PublisherOptions {
  client: SyncClient;
  /** How often one event is published before it is left for later. Default: 6, which takes about 15 s at most. */
  triesMax?: number;
  /** Upper bound of the first pause between two tries; it doubles with each, up to 5 s. Default: 250. */
  firstDelayMs?: number;
  /** How long a try waits for the acceptance and its acks. Default: 30 s. */
  deadlineMs?: number;
}

const delayMaxMs = 5_000;

// The hub looked at this event and will never take it. Every other status leaves open whether the event is on its
// disk: publishing it again with the same id is right either way.
const refusals = new Set<number>([status.INVALID_ARGUMENT, status.ALREADY_EXISTS, status.OUT_OF_RANGE]);

/** Publishes events so that each is accepted once, whatever happens to the hub or the network in between. */
export class Publisher {
  readonly #client: SyncClient;
  readonly #triesMax: number;
  readonly #firstDelayMs: number;
  readonly #deadlineMs: number;

  constructor({ client, triesMax = 6, firstDelayMs = 250, deadlineMs = 30_000 }: PublisherOptions) {
    this.#client = client;
    this.#triesMax = triesMax;
    this.#firstDelayMs = firstDelayMs;
    this.#deadlineMs = deadlineMs;
  }

  /**
   * Publishes an event, again and again with its id while there is no answer, and reports each ack.
   *
   * @param event its id must be set, and be the same for the same change
   * @returns true when every delivery has settled; false when the event is accepted but some are still being tried,
   * which from here on is the hub's business
   * @throws ServiceError when the hub refused the event, or there was no answer after the last try
   */
  async publish(event: SyncEvent, listener: PublishListener): Promise<boolean> {
    let isAccepted = false;
    for (let tries = 1; ; tries++) {
      try {
        await this.#publishOnce(event, {
          ...listener,
          onAccepted: async (accepted) => {
            isAccepted = true;
            await listener.onAccepted(accepted);
          },
        });
        return true;
      } catch (error) {
        if (!isServiceError(error) || isRefusal(error)) throw error;
        if (isAccepted && error.code === status.DEADLINE_EXCEEDED) return false;
        if (tries === this.#triesMax) {
          if (isAccepted) return false;
          throw error;
        }
        // Full jitter: publishers that lost the same hub do not come back all at once.
        const delayMs = Math.random() * Math.min(delayMaxMs, this.#firstDelayMs * 2 ** (tries - 1));
        listener.onTryAgain(`${status[error.code]} ${error.details}`, delayMs);
        await sleep(delayMs);
      }
    }
  }

  async #publishOnce(event: SyncEvent, listener: PublishListener): Promise<void> {
    const request = create(PublishRequestSchema, { event, until: PublishUntil.SETTLED });
    const stream = this.#client.Publish(request, { deadline: Date.now() + this.#deadlineMs });
    try {
      for await (const { result } of stream) {
        if (result.case === 'accepted') await listener.onAccepted(result.value);
        else if (result.case === 'ack') listener.onAck(result.value);
      }
    } finally {
      // A listener that failed leaves the stream before its end; cancel it at the hub.
      stream.cancel();
    }
  }
}

/** True for what a call ended with, as opposed to an error of a listener. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' && 'details' in error;
}

/** True when the hub will never take the event, however often it is published. */
export function isRefusal(error: ServiceError): boolean {
  return refusals.has(error.code);
}
