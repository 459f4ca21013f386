import { isDeepStrictEqual } from 'node:util';
import { type DeliveryRecord, isOpen } from '../../src/core/delivery.ts';
import { type CallOf, LANE_LOST, type StoreAccept, type StoreAnswer } from '../../src/journal/calls.ts';
import type { CallName, StoredBreaker, StoredPause } from '../../src/journal/journal.ts';
import { isAfter, type Positions } from '../../src/journal/positions.ts';
import { applyCall, replayed, type Written } from '../model/apply-call.ts';
import { type JournalModel, type ModelDelivery, type ModelRecord, noChanges } from '../model/model.ts';
import type { VirtualTime } from '../time.ts';
import type { Trace } from '../trace.ts';
import type { CallOracle } from './call-oracle.ts';

export interface DiskOracleOptions {
  readonly trace: Trace;
  readonly calls: ReadonlyMap<string, CallOracle>;
  readonly model: JournalModel;
  readonly time: VirtualTime;
}

/** Sees every call as it becomes true, and holds what is recorded to what adapter code really did. */
export class DiskOracle {
  readonly #options: DiskOracleOptions;
  readonly breakers = new Map<string, StoredBreaker>();
  readonly pauses = new Map<string, StoredPause['pause']>();

  constructor(options: DiskOracleOptions) {
    this.#options = options;
  }

  /** One call of a commit, in their order, before it is reported. */
  see(written: Written): void {
    const { trace, model } = this.#options;
    const { call, answer } = written;
    trace.note(() => `on disk: ${inWords(written)}`);
    const is = <Name extends CallName>(_name: Name) => answer as StoreAnswer<Name>;
    switch (call.name) {
      case 'accept':
        this.#seeAccept(call, is('accept'));
        break;
      case 'record':
        this.#seeRecord(call, is('record'));
        break;
      case 'openLane':
        this.#seeOpenLane(call, is('openLane'));
        break;
      case 'endWaits': {
        const { adapter, nowMs } = call.request;
        const waits = model
          .deliveriesAt(adapter)
          .filter(({ state, dueAtMs }) => state === 'retrying' && dueAtMs > nowMs);
        trace.must(answer === waits.length, `an operator ended ${waits.length} waits of ${adapter}, not ${answer}`);
        break;
      }
      case 'discard':
        this.#seeDiscard(call, is('discard'));
        break;
      case 'stepReplay':
        this.#seeReplay(call, is('stepReplay'));
        break;
      case 'saveBreaker':
        this.breakers.set(call.request.adapter, call.request);
        break;
      case 'saveLanePause':
        this.pauses.set(call.request.adapter, call.request.pause);
        break;
      default:
        this.#seeQuery(written);
    }
    applyCall(model, written, noChanges());
  }

  #seeAccept({ request: { event, nowMs } }: CallOf<'accept'>, answer: StoreAccept): void {
    const { trace, model } = this.#options;
    const before = model.byIdentity(event);
    const what = `${event.id} of "${event.source}"`;
    trace.must(Number.isFinite(nowMs), `${what} is accepted at a time`);
    const isNew = typeof answer === 'number' || answer.kind === 'held';
    trace.must(!isNew || before === undefined, `${what} is accepted as new once`);
    if (typeof answer !== 'number' && (answer.kind === 'duplicate' || answer.kind === 'conflict')) {
      trace.must(before !== undefined, `${what} is known when it is a ${answer.kind}`);
      const isSame = before?.data.join() === event.data.join();
      trace.must(isSame === (answer.kind === 'duplicate'), `${what} is a duplicate when its content is the same`);
    }
    if (!isNew) return;
    const held = typeof answer !== 'number' && answer.kind === 'held' ? answer.heldByKey : [];
    const waiting = model.receivers.filter((adapter) => this.#isHeld(adapter, event.key));
    trace.must(isDeepStrictEqual([...held], waiting), `${what} is held by its key at ${waiting}, not ${held}`);
  }

  #isHeld(adapter: string, key: string): boolean {
    const { model } = this.#options;
    const next = { key, seq: Number.POSITIVE_INFINITY };
    return (
      model.openBefore(next, adapter)[0]?.state === 'retrying' || model.heldByDeadLetter(next, adapter) !== undefined
    );
  }

  #seeOpenLane({ request: { adapter } }: CallOf<'openLane'>, { epoch, breaker, pause }: StoreAnswer<'openLane'>): void {
    const { trace, model } = this.#options;
    trace.must(model.epochOf(adapter) !== epoch, `whoever opens the lane of ${adapter} has an epoch of its own`);
    trace.must(isDeepStrictEqual(breaker, this.breakers.get(adapter)), `the breaker of ${adapter} is kept as it was`);
    trace.must(isDeepStrictEqual(pause, this.pauses.get(adapter)), `the pause of ${adapter} is kept as it was`);
  }

  #seeDiscard({ request: { adapter, seq } }: CallOf<'discard'>, { kind, ...rest }: StoreAnswer<'discard'>): void {
    const { trace, model, calls } = this.#options;
    const what = `event ${seq} at ${adapter}`;
    const before = model.delivery(seq, adapter);
    const mayBe = before !== undefined && (isOpen(before.state) || before.state === 'dead_lettered');
    const expected = before === undefined ? 'unknown' : mayBe ? 'discarded' : 'settled';
    trace.must(kind === expected, `${what} is ${expected} when an operator discards it, not ${kind}`);
    if ('state' in rest) trace.must(rest.state === before?.state, `${what} is ${before?.state} when discarded`);
    const isRunning = before !== undefined && isOpen(before.state) && calls.get(adapter)?.isLive(seq) === true;
    trace.must(!(kind === 'discarded' && isRunning), `${what} is not discarded while code has it`);
    if (kind === 'discarded') trace.meet('discarded');
  }

  #seeReplay(call: CallOf<'stepReplay'>, { job }: StoreAnswer<'stepReplay'>): void {
    const { trace, model } = this.#options;
    const meant = replayed(model, call);
    const isStale = meant !== undefined && !call.request.job.includeStale && isNewerDelivered(model, meant);
    const expected = { sent: meant !== undefined && !isStale ? 1 : 0, skippedStale: isStale ? 1 : 0 };
    const { sent, skippedStale } = job;
    const what = `a replay of ${meant?.event.seq} at ${meant?.adapter}`;
    trace.must(
      isDeepStrictEqual({ sent, skippedStale }, expected),
      `${what} sends what is not stale, unless the job includes it`,
    );
    trace.must(job.state === 'done', `${what} is done in one step`);
  }

  #seeQuery({ call, answer }: Written): void {
    const { trace, model } = this.#options;
    const is = <Name extends CallName>(_name: Name) => answer as StoreAnswer<Name>;
    switch (call.name) {
      case 'readEvent':
        this.#seeRead(call, is('readEvent'));
        break;
      case 'countSome': {
        const { count } = is('countSome');
        trace.must(count === model.matching(call.request.filter).length, 'a filter counts what it means');
        break;
      }
      case 'listDeliveries': {
        const listed = is('listDeliveries').deliveries.map((delivery) =>
          [delivery.seq, delivery.adapter, delivery.state, delivery.isHeldByKey, delivery.attempts].join(),
        );
        const expected = model
          .matching(call.request.filter)
          .map((delivery) =>
            [
              delivery.event.seq,
              delivery.adapter,
              delivery.state,
              isHeldByKey(model, delivery),
              delivery.attempts,
            ].join(),
          );
        const page = expected.slice(0, call.request.limit);
        trace.must(
          isDeepStrictEqual(listed, page),
          `a filter lists what it means, newest first: ${page}, not ${listed}`,
        );
        break;
      }
      case 'readStatistics': {
        const lanes = is('readStatistics').lanes.map(({ behindDeadLetters: _, ...counts }) => counts);
        for (const counted of lanes) {
          const expected = model.statisticsOf(counted.adapter);
          trace.must(
            isDeepStrictEqual(counted, expected),
            `the deliveries of ${counted.adapter} are counted as they are`,
          );
        }
        const counted = lanes.map(({ adapter }) => adapter);
        const missing = model.statistics.find(({ adapter }) => !counted.includes(adapter));
        trace.must(missing === undefined, `the deliveries of ${missing?.adapter} are counted`);
        break;
      }
      case 'readRecords':
        this.#seeRecords(call.request.after, is('readRecords'));
        break;
      case 'readReady':
        this.#seeReady(call, is('readReady'));
        break;
      case 'readHead': {
        const head = is('readHead');
        const { adapter } = call.request;
        const isHead = head === undefined || model.delivery(head.event.seq, adapter)?.isHead === true;
        trace.must(isHead, `event ${head?.event.seq} at ${adapter} is a head when it is read as one`);
        break;
      }
      default:
    }
  }

  #seeReady({ request: { adapter, after, nowMs } }: CallOf<'readReady'>, page: StoreAnswer<'readReady'>): void {
    const { trace, model, time } = this.#options;
    const read = page.deliveries.map(({ event }) => event.seq);
    // It may have waited for its turn.
    const readyNow = model.ready(adapter, time.monotonicMs()).map(({ event }) => event.seq);
    const wrong = read.find((seq) => !readyNow.includes(seq));
    trace.must(wrong === undefined, `event ${wrong} at ${adapter} is handed out only while it is a head and due`);
    // Places are microseconds apart.
    const ready = model.ready(adapter, nowMs - 1).map(({ event }) => event.seq);
    const missing = page.isEnd && after === undefined ? ready.find((seq) => !read.includes(seq)) : undefined;
    trace.must(missing === undefined, `event ${missing} at ${adapter} is ready and handed out`);
    let [dueAtMs, seq] = [after?.dueAtMs ?? Number.NEGATIVE_INFINITY, after?.seq ?? 0];
    for (const { event, ...next } of page.deliveries) {
      const isLater = next.dueAtMs > dueAtMs || (next.dueAtMs === dueAtMs && event.seq > seq);
      trace.must(isLater, `event ${event.seq} at ${adapter} is handed out in its place`);
      [dueAtMs, seq] = [next.dueAtMs, event.seq];
    }
  }

  #seeRead({ request }: CallOf<'readEvent'>, answer: StoreAnswer<'readEvent'>): void {
    const { trace, model } = this.#options;
    const meant = model.referred(request);
    const expected = meant.length === 0 ? 'unknown' : meant.length === 1 ? 'found' : 'ambiguous';
    trace.must(answer.kind === expected, `${request.id} is ${expected} when it is read, not ${answer.kind}`);
    if (answer.kind === 'ambiguous') {
      const sources = meant.map(({ source }) => source);
      trace.must(
        isDeepStrictEqual([...answer.sources], sources),
        `${request.id} is of ${sources}, not ${answer.sources}`,
      );
    }
    if (answer.kind !== 'found') return;
    const [event] = meant;
    if (event === undefined) return;
    trace.must(
      isDeepStrictEqual({ ...answer.event, data: [...answer.event.data] }, { ...event, data: [...event.data] }),
      `${request.id} is read as it was accepted`,
    );
    const read = answer.deliveries.map(({ adapter, state, cycle, attempts, spent, crashes, isHeldByKey, records }) => {
      const places = records.map(({ position, state: was }) => `${position} ${was}`);
      return { adapter, state, cycle, attempts, spent, crashes, isHeldByKey, places };
    });
    const known = model.deliveriesOf(event.seq).map((delivery) => {
      const { adapter, state, cycle, attempts, spent, crashes } = delivery;
      const places = model.recordsOf(adapter, event.seq).map(({ position, state: was }) => `${position} ${was}`);
      const counts = { adapter, state, cycle, attempts, spent, crashes };
      return { ...counts, isHeldByKey: isHeldByKey(model, delivery), places };
    });
    const share = Math.max(1, Math.floor(256 / Math.max(1, known.length)));
    const newest = known.map(({ places, ...delivery }) => ({ ...delivery, places: places.slice(-share) }));
    trace.must(
      isDeepStrictEqual(read, newest),
      `reading ${request.id} gives what is known of it: ${JSON.stringify([read, newest])}`,
    );
  }

  #seeRecords(after: Positions, { records, isEnd }: StoreAnswer<'readRecords'>): void {
    const { trace, model } = this.#options;
    for (const adapter of model.adapters) {
      const expected = model.records(adapter).filter((record) => isAfter(record, after));
      const read = records.filter((record) => record.adapter === adapter);
      const count = isEnd ? expected.length : read.length;
      const isEqual = isDeepStrictEqual(read.map(placeOf), expected.slice(0, count).map(placeOf));
      trace.must(isEqual, `the records of ${adapter} are read in their order: no gap, no repeat`);
    }
  }

  #seeRecord({ request: { record, epoch } }: CallOf<'record'>, position: number): void {
    const { trace, model } = this.#options;
    const { seq, adapter } = record;
    const what = `event ${seq} at ${adapter}`;
    const isOwner = model.epochOf(adapter) === epoch;
    trace.must(
      isOwner === (position !== LANE_LOST),
      `${what} is recorded by the owner of its lane, and by nobody else`,
    );
    if (position === LANE_LOST) {
      trace.meet('lane lost');
      return;
    }
    const before = model.delivery(seq, adapter);
    trace.meet(record.state);
    trace.must(before !== undefined && isOpen(before.state), `${what} is settled once a cycle`);
    trace.must(before?.cycle === record.cycle, `${what} is recorded in the cycle that it is in`);
    const newest = model.records(adapter).at(-1)?.position ?? 0;
    trace.must(position > newest, `the records of ${adapter} are numbered in the order of commit`);
    const attemptsBefore = before?.attempts ?? 0;
    if (record.attempt !== undefined) {
      trace.must(record.attempts === attemptsBefore + 1, `${what} counts the attempt that ran`);
      this.#seeAttempt(what, record);
    } else {
      trace.must(record.attempts === attemptsBefore, `${what} counts nothing when no code ran`);
      trace.must(record.state === 'skipped', `${what} is skipped when nothing was attempted, not ${record.state}`);
      const isRunning = this.#options.calls.get(adapter)?.isLive(seq) === true;
      trace.must(!isRunning, `${what} is not skipped while code has it`);
    }
  }

  /** Code ran for it, and came to what is recorded. */
  #seeAttempt(what: string, { adapter, seq, cycle, attempts, attempt, state }: DeliveryRecord): void {
    const { trace, calls } = this.#options;
    const made = (calls.get(adapter)?.of(seq) ?? []).filter((call) => call.cycle === cycle);
    trace.must(made.length >= attempts, `${what} has no more attempts on record than ran`);
    const call = made.at(-1);
    trace.must(call?.attempt.number === attempts, `${what} is recorded for the attempt that ran last`);
    const cameTo = attempt?.outcome;
    const isTrue = cameTo === 'timed_out' ? call?.signal.aborted : cameTo === call?.end?.kind;
    trace.must(isTrue === true, `${what} is recorded as what its attempt came to, not ${cameTo}`);
    trace.must((state === 'delivered') === (cameTo === 'delivered'), `${what} is ${state} after ${cameTo}`);
  }
}

function isNewerDelivered(model: JournalModel, { event, adapter }: ModelDelivery): boolean {
  return model.after(event, adapter).some(({ state }) => state === 'delivered');
}

/** What reports and lists say: an earlier delivery of its key waits for its next attempt, or for an operator. */
function isHeldByKey(model: JournalModel, { event, adapter, state }: ModelDelivery): boolean {
  if (!isOpen(state)) return false;
  const isBehindRetry = model.openBefore(event, adapter)[0]?.state === 'retrying';
  return isBehindRetry || model.heldByDeadLetter(event, adapter) !== undefined;
}

function placeOf({ adapter, seq, position, state, cycle, attempts }: Omit<ModelRecord, 'attempt' | 'reason'>) {
  return { adapter, seq, position, state, cycle, attempts };
}

/** One line about a call that became true. */
function inWords({ call, answer }: Written): string {
  switch (call.name) {
    case 'accept': {
      const { id, source, key, type } = call.request.event;
      return `accept ${id} of "${source}", key "${key}", ${type}: ${JSON.stringify(answer, leaveOut)}`;
    }
    case 'record': {
      const { record, nowMs, dueAtMs, epoch } = call.request;
      const { adapter, seq, state, cycle, attempts, spent, attempt } = record;
      const counts = `cycle ${cycle}, ${attempts} attempts, ${spent} spent`;
      const due = state === 'retrying' ? `, due in ${dueAtMs - nowMs}` : '';
      return `record event ${seq} at ${adapter}: ${attempt?.outcome} ${state}, ${counts}${due}, epoch ${epoch}: ${answer}`;
    }
    case 'readReady': {
      const { deliveries, isEnd, nextDueAtMs } = answer as StoreAnswer<'readReady'>;
      const { adapter, after, nowMs, limit } = call.request;
      const read = deliveries.map(({ event, dueAtMs }) => `${event.seq} ${dueAtMs - nowMs}`);
      const from = after === undefined ? '' : ` after ${after.seq} ${after.dueAtMs - nowMs}`;
      return `readReady of ${adapter}${from}, ${limit}: ${read.join()}, isEnd ${isEnd}, next in ${nextDueAtMs - nowMs}`;
    }
    default:
      return `${call.name} ${JSON.stringify(call.request, leaveOut)}: ${JSON.stringify(answer, leaveOut)?.slice(0, 200)}`;
  }
}

function leaveOut(name: string, value: unknown): unknown {
  return ['data', 'contentHash', 'attributes', 'failure', 'timeMs', 'dataContentType'].includes(name)
    ? undefined
    : value;
}
