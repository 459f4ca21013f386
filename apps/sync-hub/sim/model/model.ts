import { type DeliveryCounts, type DeliveryRecord, type DeliveryState, isOpen } from '../../src/core/delivery.ts';
import type { AcceptedEvent, EventIdentity } from '../../src/core/event.ts';
import type { DeliveryFilter } from '../../src/journal/delivery-filter.ts';
import type { EventReference, LaneStatistics, OpenLaneRequest, RecordRequest } from '../../src/journal/journal.ts';
import type { ReplayJob } from '../../src/journal/replay-job.ts';

/** A delivery as the model knows it. Replaced when it changes, so that copies of a model are cheap. */
export interface ModelDelivery extends DeliveryCounts {
  readonly event: AcceptedEvent;
  readonly adapter: string;
  readonly state: DeliveryState;
  /** Its lane may have it: see {@link JournalModel}. */
  readonly isHead: boolean;
  /** An operator replayed it, also after a newer one of its key. */
  readonly mayFollow: boolean;
  /** On the monotonic clock of the process that recorded it; 0 when it does not wait for a time. */
  readonly dueAtMs: number;
  readonly notBeforeMs: number;
  /** It was ready when its lane was opened, and nothing was recorded of it since. */
  readonly wasReadyAtOpen: boolean;
  readonly reopenedAtMs: number | undefined;
  /** How often its lane had been opened when it was replayed. */
  readonly reopenedInLife: number;
}

/** A record as the model expects it: where the journal adds one by itself, it says what of it is known. */
export type ModelRecord = Pick<
  DeliveryRecord,
  'adapter' | 'seq' | 'state' | 'cycle' | 'attempts' | 'spent' | 'crashes'
> & {
  readonly position: number;
  readonly attempt?: DeliveryRecord['attempt'];
  readonly reason?: string | undefined;
};

/** What one call made true beside its answer. */
export interface Changes {
  readonly events: AcceptedEvent[];
  readonly records: ModelRecord[];
  readonly reopened: { readonly adapter: string; readonly seq: number; readonly behindSeq: number | undefined }[];
  /** Deliveries that became a head, or are reported as one again. */
  readonly heads: { readonly adapter: string; readonly seq: number }[];
  /** Lanes whose owner recorded something after somebody else had opened them. */
  readonly lost: string[];
}

export function noChanges(): Changes {
  return { events: [], records: [], reopened: [], heads: [], lost: [] };
}

interface ModelLane {
  readonly adapter: string;
  readonly deliveries: Map<number, ModelDelivery>;
  readonly records: ModelRecord[];
  holds: boolean;
  /** Undefined: nobody opened it since the database was opened. */
  epoch: number | undefined;
  /** How often it was opened. */
  lives: number;
}

/**
 * What is true of events and deliveries, kept as plainly as can be: every question is answered by looking at all of it.
 * It keeps the rule of the heads in its own words: the head of a key is the one delivery that its lane may have.
 */
export class JournalModel {
  readonly #events = new Map<number, AcceptedEvent>();
  readonly #lanes = new Map<string, ModelLane>();
  #receivers: readonly string[] = [];

  /** As it is now; what happens to either later is not seen by the other. */
  copy(): JournalModel {
    const copy = new JournalModel();
    for (const [seq, event] of this.#events) copy.#events.set(seq, event);
    for (const [adapter, lane] of this.#lanes) {
      copy.#lanes.set(adapter, { ...lane, deliveries: new Map(lane.deliveries), records: [...lane.records] });
    }
    copy.#receivers = this.#receivers;
    return copy;
  }

  /** The process that had it open died: nobody owns a lane. */
  closed(): void {
    for (const lane of this.#lanes.values()) lane.epoch = undefined;
  }

  setReceivers(adapters: readonly string[]): void {
    this.#receivers = [...adapters].sort();
  }

  get receivers(): readonly string[] {
    return this.#receivers;
  }

  accept(event: AcceptedEvent, changes: Changes): void {
    this.#events.set(event.seq, event);
    for (const adapter of event.adapters) {
      const lane = this.#lane(adapter);
      const isHead =
        event.key === '' || (this.#open(lane, event.key).length === 0 && !this.#isHeldByDeadLetter(lane, event));
      const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
      const times = { dueAtMs: 0, notBeforeMs: 0, wasReadyAtOpen: false, reopenedAtMs: undefined, reopenedInLife: 0 };
      lane.deliveries.set(event.seq, {
        ...{ event, adapter, state: 'waiting', isHead, mayFollow: false },
        ...{ ...counts, ...times },
      });
      if (isHead) changes.heads.push({ adapter, seq: event.seq });
    }
    changes.events.push(event);
  }

  /** An outcome of the owner of the lane. */
  record({ record, nowMs, dueAtMs, notBeforeMs }: RecordRequest, position: number, changes: Changes): void {
    const lane = this.#lane(record.adapter);
    const { seq, state, cycle, attempts, spent, crashes, attempt, reason } = record;
    const counts = { cycle, attempts, spent, crashes };
    // One that waits for an operator alone was due at once.
    const times = { dueAtMs: state === 'retrying' ? Math.max(dueAtMs, nowMs) : 0, notBeforeMs };
    this.#change(lane, seq, { state, ...counts, ...times, isHead: false, wasReadyAtOpen: false });
    this.#addRecord(lane, { seq, state, ...counts, position, ...(attempt && { attempt }), reason }, changes);
    this.#computeHead(lane, seq, changes);
  }

  /** An operator discards a dead letter or an open delivery. */
  discard({ adapter, seq, reason }: { adapter: string; seq: number; reason: string }, changes: Changes): void {
    const lane = this.#lane(adapter);
    this.#settle(lane, seq, { state: 'discarded', reason }, changes);
    const { key } = this.#known(lane, seq).event;
    if (key !== '' && this.headOf(adapter, key) === undefined) this.#computeHead(lane, seq, changes);
  }

  reopen({ adapter, seq, mayFollow, atMs }: Reopening, changes: Changes): void {
    const lane = this.#lane(adapter);
    const { event, cycle } = this.#known(lane, seq);
    const head = event.key === '' ? undefined : this.headOf(adapter, event.key);
    const counts = { cycle: cycle + 1, attempts: 0, spent: 0, crashes: 0 };
    const times = { dueAtMs: 0, notBeforeMs: 0, wasReadyAtOpen: false, reopenedAtMs: atMs, reopenedInLife: lane.lives };
    this.#change(lane, seq, { state: 'waiting', isHead: false, mayFollow, ...counts, ...times });
    const isBehind = head !== undefined && head.event.seq > seq;
    changes.reopened.push({ adapter, seq, behindSeq: isBehind ? head.event.seq : undefined });
    if (head === undefined) this.#computeHead(lane, seq, changes);
  }

  /** The lane does not run this head. One that may have taken effect before the lane was opened stays it. */
  giveBack(adapter: string, seq: number, changes: Changes): void {
    const lane = this.#lane(adapter);
    const delivery = lane.deliveries.get(seq);
    if (delivery?.isHead !== true) return;
    if (delivery.wasReadyAtOpen) changes.heads.push({ adapter, seq });
    else this.#computeHead(lane, seq, changes);
  }

  openLane({ adapter, onDeadLetter, nowMs, longestWaitMs }: OpenLaneRequest, epoch: number, changes: Changes): void {
    const lane = this.#lane(adapter);
    lane.epoch = epoch;
    lane.lives += 1;
    const hadHold = lane.holds;
    lane.holds = onDeadLetter === 'hold';
    for (const { event, dueAtMs, state } of [...lane.deliveries.values()]) {
      if (state === 'retrying') this.#change(lane, event.seq, { dueAtMs: Math.min(dueAtMs, nowMs + longestWaitMs) });
    }
    for (const { event, isHead, dueAtMs, state } of [...lane.deliveries.values()]) {
      // What waits for its next attempt may have been attempted again, if the clock was set back since.
      if (isHead && (dueAtMs <= nowMs || state === 'retrying')) this.#change(lane, event.seq, { wasReadyAtOpen: true });
    }
    if (hadHold !== lane.holds) this.#computeHeadsWithDeadLetters(lane, changes);
  }

  /** An operator ends all waits. Returns how many waited. */
  endWaits(adapter: string, nowMs: number, changes: Changes): number {
    const lane = this.#lane(adapter);
    const waiting = [...lane.deliveries.values()].filter(
      ({ state, dueAtMs }) => state === 'retrying' && dueAtMs > nowMs,
    );
    for (const { event, isHead } of waiting) {
      this.#change(lane, event.seq, { dueAtMs: nowMs, notBeforeMs: 0 });
      if (isHead) changes.heads.push({ adapter, seq: event.seq });
    }
    return waiting.length;
  }

  /** It was replayed before its lane was opened, so that the lane does not know it. */
  wasReopenedBefore({ adapter, cycle, reopenedInLife }: ModelDelivery): boolean {
    return cycle > 1 && reopenedInLife < this.#lane(adapter).lives;
  }

  /** Of whoever opened the lane last; undefined: nobody did since the database was opened. */
  epochOf(adapter: string): number | undefined {
    return this.#lane(adapter).epoch;
  }

  get events(): readonly AcceptedEvent[] {
    return [...this.#events.values()];
  }

  event(seq: number): AcceptedEvent | undefined {
    return this.#events.get(seq);
  }

  byIdentity({ id, source }: EventIdentity): AcceptedEvent | undefined {
    return this.events.find((event) => event.id === id && event.source === source);
  }

  /** All that a reference may mean, by source. */
  referred({ id, source }: EventReference): readonly AcceptedEvent[] {
    const meant = this.events.filter((event) => event.id === id && (source === undefined || event.source === source));
    return meant.sort((left, right) => (left.source < right.source ? -1 : 1));
  }

  delivery(seq: number, adapter: string): ModelDelivery | undefined {
    return this.#lanes.get(adapter)?.deliveries.get(seq);
  }

  /** Those of one event, in alphabetical order of the adapters. */
  deliveriesOf(seq: number): readonly ModelDelivery[] {
    const adapters = this.#events.get(seq)?.adapters ?? [];
    return adapters.map((adapter) => this.#known(this.#lane(adapter), seq));
  }

  /** Of one lane, in the order of acceptance. */
  deliveriesAt(adapter: string): readonly ModelDelivery[] {
    return [...(this.#lanes.get(adapter)?.deliveries.values() ?? [])];
  }

  get adapters(): readonly string[] {
    return [...this.#lanes.keys()].sort();
  }

  records(adapter: string): readonly ModelRecord[] {
    return this.#lanes.get(adapter)?.records ?? [];
  }

  recordsOf(adapter: string, seq: number): readonly ModelRecord[] {
    return this.records(adapter).filter((record) => record.seq === seq);
  }

  headOf(adapter: string, key: string): ModelDelivery | undefined {
    return this.#ofKey(this.#lane(adapter), key).find(({ isHead }) => isHead);
  }

  /** The earlier deliveries of its key that are not settled at the adapter. */
  openBefore({ seq, key }: Pick<AcceptedEvent, 'key' | 'seq'>, adapter: string): readonly ModelDelivery[] {
    return key === '' ? [] : this.#open(this.#lane(adapter), key).filter(({ event }) => event.seq < seq);
  }

  openAfter({ seq, key }: Pick<AcceptedEvent, 'key' | 'seq'>, adapter: string): readonly ModelDelivery[] {
    return key === '' ? [] : this.#open(this.#lane(adapter), key).filter(({ event }) => event.seq > seq);
  }

  /** The later deliveries of its key, whatever their state. */
  after({ seq, key }: Pick<AcceptedEvent, 'key' | 'seq'>, adapter: string): readonly ModelDelivery[] {
    return key === '' ? [] : this.#ofKey(this.#lane(adapter), key).filter(({ event }) => event.seq > seq);
  }

  /** An earlier dead letter of its key that holds it; undefined when there is none. */
  heldByDeadLetter(event: Pick<AcceptedEvent, 'key' | 'seq'>, adapter: string): ModelDelivery | undefined {
    return this.#deadBefore(this.#lane(adapter), event);
  }

  deadLetters(adapter: string): readonly ModelDelivery[] {
    return this.deliveriesAt(adapter).filter(({ state }) => state === 'dead_lettered');
  }

  /** Deliveries that are a head and due, as a lane may be handed them. */
  ready(adapter: string, nowMs: number): readonly ModelDelivery[] {
    return this.deliveriesAt(adapter).filter(({ isHead, dueAtMs }) => isHead && dueAtMs <= nowMs);
  }

  /** Of each adapter that ever had a delivery, as the journal counts them; what may be late is left out. */
  get statistics(): readonly Omit<LaneStatistics, 'behindDeadLetters'>[] {
    return this.adapters
      .filter((adapter) => this.deliveriesAt(adapter).length > 0)
      .map((adapter) => this.statisticsOf(adapter));
  }

  statisticsOf(adapter: string): Omit<LaneStatistics, 'behindDeadLetters'> {
    const open = this.deliveriesAt(adapter).filter(({ state }) => isOpen(state));
    const oldestAcceptedAtMs = open[0]?.event.acceptedAtMs;
    return { adapter, unsettled: open.length, deadLetters: this.deadLetters(adapter).length, oldestAcceptedAtMs };
  }

  /** The deliveries that a filter means, newest first, those of one event in the order of their adapters. */
  matching(filter: DeliveryFilter): readonly ModelDelivery[] {
    const { adapters = [], states = [], keys = [], eventIds = [], sources = [] } = filter;
    const wanted: readonly DeliveryState[] = states.length > 0 ? states : ['waiting', 'retrying', 'dead_lettered'];
    const isSelected = <Value>(values: readonly Value[], value: Value) => values.length === 0 || values.includes(value);
    const meant = [...this.#events.keys()]
      .flatMap((seq) => this.deliveriesOf(seq))
      .filter(
        ({ state, adapter, event }) =>
          wanted.includes(state) &&
          isSelected(adapters, adapter) &&
          isSelected(keys, event.key) &&
          isSelected(eventIds, event.id) &&
          isSelected(sources, event.source),
      );
    // Stable: those of one event stay in the order of their adapters.
    return meant.sort((left, right) => right.event.seq - left.event.seq);
  }

  /**
   * The lowest open delivery of the key becomes its head, unless a dead letter before it holds the key. A replayed one
   * that a newer one of its key was delivered after, or may have been, is a dead letter again, and the next is looked at.
   */
  #computeHead(lane: ModelLane, ofSeq: number, changes: Changes): void {
    const { key } = this.#known(lane, ofSeq).event;
    const open = key === '' ? [this.#known(lane, ofSeq)].filter(({ state }) => isOpen(state)) : this.#open(lane, key);
    for (const { event, isHead } of open) if (isHead) this.#change(lane, event.seq, { isHead: false });
    for (const candidate of open) {
      const { event, cycle, mayFollow } = candidate;
      if (this.#isHeldByDeadLetter(lane, event)) return;
      // One that may have run is not a head any more where a dead letter holds its key.
      const isNewer = this.after(event, lane.adapter).some(
        ({ state, wasReadyAtOpen }) => state === 'delivered' || (isOpen(state) && wasReadyAtOpen),
      );
      if (cycle > 1 && !mayFollow && isNewer) {
        this.#settle(lane, event.seq, { state: 'dead_lettered', reason: STALE }, changes);
        continue;
      }
      this.#change(lane, event.seq, { isHead: true });
      changes.heads.push({ adapter: lane.adapter, seq: event.seq });
      return;
    }
  }

  #computeHeadsWithDeadLetters(lane: ModelLane, changes: Changes): void {
    const dead = [...lane.deliveries.values()].filter(
      ({ state, event }) => state === 'dead_lettered' && event.key !== '',
    );
    const firstOfKeys = new Map(dead.map(({ event }) => [event.key, event.seq]));
    for (const seq of firstOfKeys.values()) this.#computeHead(lane, seq, changes);
  }

  /** Without an attempt: its counts stay as they were. */
  #settle(
    lane: ModelLane,
    seq: number,
    { state, reason }: { readonly state: 'discarded' | 'dead_lettered'; readonly reason: string },
    changes: Changes,
  ): void {
    const { cycle, attempts, spent, crashes } = this.#known(lane, seq);
    this.#change(lane, seq, { state, isHead: false, dueAtMs: 0, notBeforeMs: 0, wasReadyAtOpen: false });
    const position = (lane.records.at(-1)?.position ?? 0) + 1;
    this.#addRecord(lane, { seq, state, cycle, attempts, spent, crashes, position, reason }, changes);
  }

  #addRecord(lane: ModelLane, record: Omit<ModelRecord, 'adapter'>, changes: Changes): void {
    const added = { adapter: lane.adapter, ...record };
    lane.records.push(added);
    changes.records.push(added);
  }

  #isHeldByDeadLetter(lane: ModelLane, event: Pick<AcceptedEvent, 'key' | 'seq'>): boolean {
    return this.#deadBefore(lane, event) !== undefined;
  }

  #deadBefore(lane: ModelLane, { key, seq }: Pick<AcceptedEvent, 'key' | 'seq'>): ModelDelivery | undefined {
    if (!lane.holds || key === '') return undefined;
    return this.#ofKey(lane, key).find(({ state, event }) => state === 'dead_lettered' && event.seq < seq);
  }

  #open(lane: ModelLane, key: string): readonly ModelDelivery[] {
    return this.#ofKey(lane, key).filter(({ state }) => isOpen(state));
  }

  /** In the order of acceptance. */
  #ofKey(lane: ModelLane, key: string): readonly ModelDelivery[] {
    return [...lane.deliveries.values()].filter(({ event }) => event.key === key);
  }

  #change(lane: ModelLane, seq: number, change: Partial<ModelDelivery>): void {
    lane.deliveries.set(seq, { ...this.#known(lane, seq), ...change });
  }

  #known(lane: ModelLane, seq: number): ModelDelivery {
    const known = lane.deliveries.get(seq);
    if (known === undefined) throw new Error(`the model knows no event ${seq} at ${lane.adapter}`);
    return known;
  }

  #lane(adapter: string): ModelLane {
    let lane = this.#lanes.get(adapter);
    if (lane === undefined) {
      lane = { adapter, deliveries: new Map(), records: [], holds: false, epoch: undefined, lives: 0 };
      this.#lanes.set(adapter, lane);
    }
    return lane;
  }
}

interface Reopening {
  readonly adapter: string;
  readonly seq: number;
  readonly mayFollow: ReplayJob['includeStale'];
  /** By the hub's clock. */
  readonly atMs: number;
}

/** What the reason of a replayed delivery that is a dead letter again must name: how to send it all the same. */
export const STALE = 'include_stale';
