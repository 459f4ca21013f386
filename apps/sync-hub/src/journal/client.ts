import type { ReadyDelivery, RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import {
  CALL_NAMES,
  type Call,
  type CallOf,
  type CommitReport,
  LANE_LOST,
  type LaneReport,
  type Request,
  type StoreAccept,
  type StoreAnswer,
} from './calls.ts';
import type { DeliveryFilter } from './delivery-filter.ts';
import type { DeliveryPosition } from './delivery-page.ts';
import type {
  AcceptRequest,
  AcceptResult,
  BackupResult,
  CallName,
  Commit,
  Journal,
  JournalCalls,
  JournalInfo,
  JournalObserver,
  LaneNews,
  RecordRequest,
} from './journal.ts';
import { JournalError } from './journal-error.ts';

/** The way to the store: calls go there in order, and reports of what was committed come back through the client. */
export interface Transport {
  submit(call: Call): void;
  /** Rejects with a JournalError when the journal ends before it is done. */
  backup(targetPath: string): Promise<BackupResult>;
  /** Resolves once all that was submitted is reported and the files are let go. Called once. */
  close(): Promise<void>;
}

export interface ClientOptions {
  readonly info: JournalInfo;
  /** Where new events go when it is opened. */
  readonly receivers: readonly string[];
  readonly transport: Transport;
}

type Answer<Name extends CallName> = ReturnType<JournalCalls[Name]>;

/**
 * The asking side of a journal: a queue of calls, first in first out. Holds the half of the port's promises that is the
 * same however the store is reached: what is reported to whom, and in which order, once a commit returned or writing failed.
 */
export class JournalClient {
  readonly #options: ClientOptions;
  readonly #observers = new Set<JournalObserver>();
  readonly #queue: PendingCall[] = [];
  #receivers: readonly string[];
  #failure: JournalError | undefined;
  #closing: Promise<void> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#receivers = options.receivers;
  }

  /** The port. */
  get journal(): Journal {
    const calls = CALL_NAMES.map((name) => [name, (request: never) => this.#call(name, request)]);
    return {
      // Each name has a function that takes its request and promises its answer.
      ...(Object.fromEntries(calls) as Pick<Journal, CallName>),
      info: this.#options.info,
      subscribe: (observer) => this.#subscribe(observer),
      countDeliveriesOf: (filter) => this.#countDeliveriesOf(filter),
      backup: (targetPath) => this.#backup(targetPath),
      close: () => this.#close(),
    };
  }

  /** One commit returned: the results of the oldest calls, in their order. */
  committed(report: CommitReport): void {
    if (this.#failure !== undefined) return;
    const calls = this.#queue.splice(0, report.answers.length);
    const commit = this.#toCommit(calls, report);
    // Still ahead of the promises: whoever awaits one runs after this function.
    if (commit !== undefined) for (const observer of this.#observers) observer.committed(commit);
    for (const { answered, answer } of calls) answered.resolve(answer);
  }

  /** The session ended: whether the open calls took effect is unknown. Reported once. */
  failed(error: JournalError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const call of this.#queue.splice(0)) fail(call, error);
    for (const observer of this.#observers) observer.ended(error);
  }

  #call<Name extends CallName>(name: Name, request: Request<Name>): Promise<Answer<Name>> {
    const call: PendingCall = { name, request, answer: undefined, answered: Promise.withResolvers() };
    const rejection = this.#rejection();
    if (rejection === undefined) {
      // First, since a store in the same thread may answer at once.
      this.#queue.push(call);
      this.#options.transport.submit(call as CallOf<CallName> as Call);
    } else {
      fail(call, rejection);
    }
    return call.answered.promise as Promise<Answer<Name>>;
  }

  #toCommit(calls: readonly PendingCall[], report: CommitReport): Commit | undefined {
    const { answers } = report;
    const events: AcceptedEvent[] = [];
    const records: RecordedDelivery[] = [];
    /** By the index of the call that accepted them. */
    const accepted: AcceptedEvent[] = [];
    let further = 0;
    for (let index = 0; index < calls.length; index++) {
      const call = calls[index] as PendingCall;
      const answer = answers[index] as StoreAnswer<CallName>;
      // The store answers in order, so the answer's type follows from the call's name.
      if (call.name === 'record') {
        const request = call.request as RecordRequest;
        const position = answer as number;
        call.answer = position === LANE_LOST ? { kind: 'lane_lost' } : { kind: 'recorded', position };
        if (position !== LANE_LOST) records.push({ ...request.record, position });
      } else if (call.name === 'accept') {
        const result = this.#acceptResult(call.request as AcceptRequest, answer as StoreAccept);
        call.answer = result;
        if (result.kind === 'accepted') {
          events.push(result.event);
          accepted[index] = result.event;
        }
      } else {
        call.answer = answer;
        if (call.name === 'setReceivers') this.#receivers = [...new Set(call.request as readonly string[])].sort();
      }
      for (let next = report.records[further]; next?.call === index; next = report.records[further]) {
        records.push(next.record);
        further++;
      }
    }
    // Those of other hubs came along with no call.
    for (const { record } of report.records.slice(further)) records.push(record);
    const isEmpty = events.length + records.length + report.reopened.length + report.lanes.length === 0;
    if (isEmpty) return undefined;
    const lanes = new Map(report.lanes.map((lane) => [lane.adapter, laneNews(lane, accepted)]));
    return { events, records, reopened: report.reopened, lanes };
  }

  #acceptResult(request: AcceptRequest, answer: StoreAccept): AcceptResult {
    if (typeof answer === 'number') {
      return { kind: 'accepted', event: this.#acceptedEvent(request, answer), heldByKey: NONE };
    }
    if (answer.kind !== 'held') return answer;
    const { seq, heldByKey, adapters } = answer;
    return { kind: 'accepted', event: this.#acceptedEvent(request, seq, adapters), heldByKey };
  }

  /** The event as it is in the journal: what the publisher said and what accepting it added. */
  #acceptedEvent(
    { event, publishedBy, acceptedAtMs }: AcceptRequest,
    seq: number,
    adapters = this.#receivers,
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
      seq,
      acceptedAtMs,
      publishedBy,
      adapters,
    };
  }

  #subscribe(observer: JournalObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  async #countDeliveriesOf(filter: DeliveryFilter): Promise<number> {
    let total = 0;
    let after: DeliveryPosition | undefined;
    do {
      const { count, next } = await this.#call('countSome', { filter, after });
      total += count;
      after = next;
    } while (after !== undefined);
    return total;
  }

  #backup(targetPath: string): Promise<BackupResult> {
    const rejection = this.#rejection();
    return rejection === undefined ? this.#options.transport.backup(targetPath) : Promise.reject(rejection);
  }

  #close(): Promise<void> {
    this.#closing ??= this.#options.transport.close();
    return this.#closing;
  }

  #rejection(): JournalError | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#closing === undefined) return undefined;
    return new JournalError('CLOSED', `${this.#options.info.location} was closed before.`);
  }
}

/** A call on its way. */
interface PendingCall extends CallOf<CallName> {
  /** To be given once its commit is reported. */
  answer: unknown;
  readonly answered: PromiseWithResolvers<unknown>;
}

const NONE: readonly string[] = [];

/** Most callers learn of what they asked by observing commits: their promise has nobody who would handle its rejection. */
function fail({ answered }: PendingCall, error: JournalError): void {
  answered.promise.catch(() => undefined);
  answered.reject(error);
}

function laneNews(
  { ready, heads, isMore, nextDueAtMs, lostEpoch }: LaneReport,
  accepted: readonly AcceptedEvent[],
): LaneNews {
  const deliveries: ReadyDelivery[] = [];
  let head = 0;
  for (let place = 0; place < ready.length; place += 2) {
    const event = accepted[ready[place] as number];
    const older = event === undefined ? heads[head++] : undefined;
    if (older !== undefined) deliveries.push(older);
    else if (event !== undefined) deliveries.push(newDelivery(event, ready[place + 1] as number));
  }
  return { ready: deliveries, isMore, nextDueAtMs, lostEpoch };
}

function newDelivery(event: AcceptedEvent, dueAtMs: number): ReadyDelivery {
  return {
    event,
    cycle: 1,
    attempts: 0,
    spent: 0,
    crashes: 0,
    dueAtMs,
    notBeforeMs: 0,
    sinceMs: dueAtMs,
    mayHaveRun: false,
  };
}
