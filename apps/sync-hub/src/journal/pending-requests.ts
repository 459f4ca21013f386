import type { DeliveryRecord, RecordedDelivery, ReopenedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { AcceptRequest, AcceptResult, JournalError, JournalObserver } from './journal.ts';
import type { ReplayStepResult } from './replay-step.ts';
import type { AnsweredKind, JournalAnswer, JournalAnswers } from './request.ts';

type Settle<Result> = {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: JournalError) => void;
};

type PendingRequest =
  | ({ readonly kind: 'accept'; readonly accept: AcceptRequest } & Settle<AcceptResult>)
  | { readonly kind: 'record'; readonly record: DeliveryRecord }
  | { readonly kind: 'saveBreaker' }
  | ({ readonly kind: 'stepReplay' } & Settle<ReplayStepResult>)
  | ({ readonly kind: 'discard' } & Settle<JournalAnswers['discard']>)
  | ({ readonly kind: 'other' } & Settle<JournalAnswers[AnsweredKind]>);

/** What one commit made true of deliveries. */
type Change =
  | { readonly kind: 'recorded'; readonly records: RecordedDelivery[] }
  | { readonly kind: 'reopened'; readonly deliveries: readonly ReopenedDelivery[] };

export interface PendingRequestsOptions {
  readonly observer: JournalObserver;
  readonly onFatal: (error: JournalError) => void;
  /** The newest record on disk when the journal was opened. */
  readonly lastCursor: number;
}

/**
 * Requests on their way to the disk, first in first out. Holds the half of the port's promises that is the same for
 * every journal: who is told what, and in which order, once a commit returned or writing failed.
 */
export class PendingRequests {
  readonly #observer: JournalObserver;
  readonly #onFatal: (error: JournalError) => void;
  readonly #queue: PendingRequest[] = [];
  #lastCursor: number;
  #failure: JournalError | undefined;

  constructor(options: PendingRequestsOptions) {
    this.#observer = options.observer;
    this.#onFatal = options.onFatal;
    this.#lastCursor = options.lastCursor;
  }

  /** Set once writing has failed. */
  get failure(): JournalError | undefined {
    return this.#failure;
  }

  add(request: PendingRequest): void {
    this.#queue.push(request);
  }

  /** One commit returned: the answers of the oldest requests, in their order. */
  settle(answers: readonly JournalAnswer[]): void {
    if (this.#failure !== undefined) return;
    const requests = this.#queue.splice(0, answers.length);
    const accepted: AcceptedEvent[] = [];
    const changes: Change[] = [];
    requests.forEach((request, index) => {
      // The backend answers in order, so the answer's type follows from the request's kind.
      const answer = answers[index];
      switch (request.kind) {
        case 'accept': {
          const result = this.#acceptResult(request.accept, answer as JournalAnswers['accept']);
          if (result.kind === 'accepted') accepted.push(result.event);
          request.resolve(result);
          break;
        }
        case 'record':
          this.#lastCursor = answer as JournalAnswers['record'];
          addRecord(changes, { ...request.record, cursor: this.#lastCursor });
          break;
        case 'saveBreaker':
          break;
        case 'stepReplay': {
          const { reopened, ...result } = answer as JournalAnswers['stepReplay'];
          if (reopened.length > 0) changes.push({ kind: 'reopened', deliveries: reopened });
          request.resolve(result);
          break;
        }
        case 'discard': {
          const result = answer as JournalAnswers['discard'];
          if (result.kind === 'discarded') {
            this.#lastCursor = result.record.cursor;
            addRecord(changes, result.record);
          }
          request.resolve(result);
          break;
        }
        case 'other':
          request.resolve(answer as JournalAnswers[AnsweredKind]);
          break;
        default:
          request satisfies never;
      }
    });
    // Still ahead of the promises: whoever awaits one runs after this function. Events first: nobody can know, and so
    // record anything about, an event of this very commit.
    if (accepted.length > 0) this.#observer.accepted(accepted);
    for (const change of changes) {
      if (change.kind === 'recorded') this.#observer.recorded(change.records);
      else this.#observer.reopened(change.deliveries);
    }
  }

  /** Writing failed: whether the open requests took effect is unknown. Told once. */
  fail(error: JournalError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const request of this.#queue.splice(0)) {
      if ('reject' in request) request.reject(error);
    }
    this.#onFatal(error);
  }

  #acceptResult(request: AcceptRequest, answer: JournalAnswers['accept']): AcceptResult {
    if (typeof answer === 'number') {
      const { event, acceptedAtMs, adapters } = request;
      return {
        kind: 'accepted',
        event: acceptedEvent(event, { seq: answer, acceptedAtMs, adapters }),
        lastCursor: this.#lastCursor,
      };
    }
    if (answer === 'conflict') return { kind: answer };
    if ('kind' in answer) return answer;
    return { kind: 'duplicate', event: answer.event, lastCursor: answer.lastCursor };
  }
}

/** Those that follow each other are told at once. */
function addRecord(changes: Change[], record: RecordedDelivery): void {
  const last = changes.at(-1);
  if (last?.kind === 'recorded') last.records.push(record);
  else changes.push({ kind: 'recorded', records: [record] });
}

/** The event as it stands in the journal: what the publisher said and what accepting it added. */
function acceptedEvent(
  event: AcceptRequest['event'],
  added: Pick<AcceptedEvent, 'seq' | 'acceptedAtMs' | 'adapters'>,
): AcceptedEvent {
  // Written out, so that all accepted events have one shape and nothing of the caller's object comes along.
  return {
    id: event.id,
    source: event.source,
    type: event.type,
    key: event.key,
    timeMs: event.timeMs,
    data: event.data,
    dataContentType: event.dataContentType,
    attributes: event.attributes,
    seq: added.seq,
    acceptedAtMs: added.acceptedAtMs,
    adapters: added.adapters,
  };
}
