import { isDeepStrictEqual } from 'node:util';
import type { DeliveryRecord, RecordedDelivery, ReopenedDelivery } from '../../src/core/delivery.ts';
import type { DeliveryPage } from '../../src/journal/delivery-page.ts';
import type { MemoryDisk } from '../../src/journal/memory/memory-disk.ts';
import type { ReplayJob } from '../../src/journal/replay-job.ts';
import type { JournalAnswer, JournalAnswers, JournalRequest } from '../../src/journal/request.ts';
import type { Calls } from './calls.ts';
import type { Chronicle } from './chronicle.ts';
import { type HubModel, isOpen } from './model.ts';

export interface DiskWitnessOptions {
  readonly disk: MemoryDisk;
  readonly chronicle: Chronicle;
  readonly calls: ReadonlyMap<string, Calls>;
  readonly model: HubModel;
}

/** Sees every request as it becomes true, and holds what is recorded to what adapter code really did. */
export class DiskWitness {
  readonly #options: DiskWitnessOptions;

  constructor(options: DiskWitnessOptions) {
    this.#options = options;
  }

  readonly see = (request: JournalRequest, answer: JournalAnswer): void => {
    const { disk, model } = this.#options;
    switch (request.kind) {
      case 'accept': {
        const event = typeof answer === 'number' ? disk.events[answer - 1]?.event : undefined;
        if (event !== undefined) model.accept(event);
        break;
      }
      case 'record':
        this.#seeRecord({ ...request.record, cursor: answer as JournalAnswers['record'] });
        break;
      case 'discard': {
        const result = answer as JournalAnswers['discard'];
        if (result.kind === 'discarded') model.record(result.record);
        break;
      }
      case 'stepReplay':
        for (const reopened of (answer as JournalAnswers['stepReplay']).reopened) {
          this.#seeReopened(reopened, request.step.job);
        }
        break;
      default:
        this.#seeQuery(request, answer);
    }
  };

  #seeReopened({ adapter, delivery, mayFollowNewer }: ReopenedDelivery, { includeStale }: ReplayJob): void {
    const { chronicle, model } = this.#options;
    const { event } = delivery;
    const what = `event ${event.seq} at ${adapter}`;
    const isDead = model.delivery(event.seq, adapter)?.state === 'dead_lettered';
    chronicle.must(isDead, `${what} is a dead letter before it is open again`);
    const newer = model.deliveredAfter(event, adapter);
    chronicle.must(
      mayFollowNewer === includeStale,
      `${what} may follow a newer one when the job says so, and only then`,
    );
    chronicle.must(includeStale || newer === undefined, `${what} is stale and stays, unless told so`);
    model.reopen(adapter, delivery);
  }

  #seeQuery(request: JournalRequest, answer: JournalAnswer): void {
    const { chronicle, model } = this.#options;
    if (request.kind === 'readEvent') {
      const isEqual = isDeepStrictEqual(answer, model.byId(request.id));
      chronicle.must(isEqual, `reading event ${request.id} gives what is known of it`);
    } else if (request.kind === 'countDeliveries') {
      chronicle.must(isDeepStrictEqual(answer, model.totals), 'deliveries are counted as they are');
    } else if (request.kind === 'countSome') {
      const { count } = answer as JournalAnswers['countSome'];
      chronicle.must(count === model.matching(request.filter).length, 'a filter counts what it means');
    } else if (request.kind === 'listDeliveries') {
      const listed = (answer as DeliveryPage).deliveries.map(({ seq, adapter, state }) => `${seq} ${adapter} ${state}`);
      const expected = model.matching(request.list.filter).slice(0, request.list.limit);
      chronicle.must(isDeepStrictEqual(listed, expected), 'a filter lists what it means, newest first');
    }
  }

  #seeRecord(record: RecordedDelivery): void {
    const { chronicle, calls, model } = this.#options;
    const { seq, adapter } = record;
    const what = `event ${seq} at ${adapter}`;
    const before = model.delivery(seq, adapter);
    chronicle.meet(record.state);
    chronicle.must(before !== undefined && isOpen(before), `${what} is settled once a cycle`);
    chronicle.must(before?.cycle === record.cycle, `${what} is recorded in the cycle that it is in`);
    const attemptsBefore = before?.attempts ?? 0;
    if (record.attempt !== undefined) {
      chronicle.must(record.attempts === attemptsBefore + 1, `${what} counts the attempt that ran`);
      this.#seeAttempt(what, record);
    } else {
      chronicle.must(record.attempts === attemptsBefore, `${what} counts nothing when no code ran`);
      const isRunning = calls
        .get(adapter)
        ?.of(seq)
        .some((call) => calls.get(adapter)?.live.has(call));
      chronicle.must(isRunning !== true, `${what} is not given up while code has it`);
    }
    model.record(record);
  }

  /** Code ran for it, and came to what is recorded. */
  #seeAttempt(what: string, { adapter, seq, cycle, attempts, attempt, state }: DeliveryRecord): void {
    const { chronicle, calls } = this.#options;
    const made = (calls.get(adapter)?.of(seq) ?? []).filter((call) => call.cycle === cycle);
    chronicle.must(made.length >= attempts, `${what} has no more attempts on record than ran`);
    const call = made.at(-1);
    chronicle.must(call?.attempt.number === attempts, `${what} is recorded for the attempt that ran last`);
    const cameTo = attempt?.outcome;
    const isTrue = cameTo === 'timed_out' ? call?.signal.aborted : cameTo === call?.outcome;
    chronicle.must(isTrue === true, `${what} is recorded as what its attempt came to, not ${cameTo}`);
    chronicle.must((state === 'delivered') === (cameTo === 'delivered'), `${what} is ${state} after ${cameTo}`);
  }
}
