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
    const taken = takeReplayStep(request, {
      deadLetters: this.#listing.deadLettersAfter(filter, position),
      newestDeliveredSeq: (adapter, key) => this.#writer.newestDeliveredSeq(adapter, key),
      reopen: ({ adapter, seq }, atMs) => this.#writer.reopen({ adapter, seq, atMs }),
    });
    if (request.bounds !== undefined) this.#keeper.saveJob(taken.job);
    return taken;
  }
}
