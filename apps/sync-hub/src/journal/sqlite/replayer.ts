import type { ReopenedDelivery } from '../../core/delivery.ts';
import { JournalError } from '../journal.ts';
import { type ReplayStepRequest, takeReplayStep } from '../replay-step.ts';
import type { JournalAnswers } from '../request.ts';
import type { LaneKeeper } from './lane-keeper.ts';
import type { Listing } from './listing.ts';
import type { Writer } from './writer.ts';

export interface ReplayerOptions {
  readonly listing: Listing;
  readonly writer: Writer;
  readonly keeper: LaneKeeper;
}

/** Takes the steps of replay jobs in the open transaction. */
export class Replayer {
  readonly #listing: Listing;
  readonly #writer: Writer;
  readonly #keeper: LaneKeeper;

  constructor({ listing, writer, keeper }: ReplayerOptions) {
    this.#listing = listing;
    this.#writer = writer;
    this.#keeper = keeper;
  }

  step(request: ReplayStepRequest): JournalAnswers['stepReplay'] {
    const { filter, position } = request.job;
    const reopened: ReopenedDelivery[] = [];
    const job = takeReplayStep(request, {
      deadLetters: this.#listing.deadLettersAfter(filter, position),
      newestDeliveredSeq: (adapter, key) => this.#writer.newestDeliveredSeq(adapter, key),
      send: ({ adapter, seq }) => {
        const result = this.#writer.replay({ adapter, seq, atMs: request.atMs });
        if (result.kind !== 'reopened') {
          throw new JournalError('UNREADABLE', `The dead letter of event ${seq} at ${adapter} is not as it is listed.`);
        }
        reopened.push({ adapter, delivery: result.delivery });
        return result.delivery.event.data.byteLength;
      },
    });
    if (request.bounds !== undefined) this.#keeper.saveJob(job);
    return { job, reopened };
  }
}
