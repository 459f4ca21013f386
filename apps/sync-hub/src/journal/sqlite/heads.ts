import type { DatabaseSync } from 'node:sqlite';
import type { DeliveryRecord, ReadyDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import { stateCodes } from '../codes.ts';
import type { CommitNews } from '../commit-news.ts';
import type { ReadHeadRequest, ReadReadyRequest, ReadyPage } from '../journal.ts';
import type { DeliveryTable } from './delivery-table.ts';
import type { EventTable } from './event-table.ts';
import type { Lane, LaneTable } from './lane-table.ts';
import type { Parts } from './parts.ts';
import { type RecordTable, unattemptedRecord } from './record-table.ts';
import { type DeliveryRow, prepareValues } from './rows.ts';
import type { StalenessIndex } from './staleness-index.ts';

/** Moves a place behind another of the same time: the clock's milliseconds since 1970 have room for no smaller step. */
const NEXT_PLACE_MS = 0.001;

/** When something happens, by both clocks: see JournalCalls. */
export interface Moment {
  readonly atMs: number;
  readonly nowMs: number;
}

/**
 * The rule by which deliveries become ready.
 *
 * Of each key at each adapter at most one open delivery is the head; a delivery without a key is one as long as it is
 * open. A head is ready once its due time has come. The head of a key changes only where somebody knows that no attempt
 * of it runs: with its outcome, a discard, when its lane gives it back, and when a lane is opened. Then the oldest open
 * delivery of the key becomes the head, unless a dead letter holds the key. A replay chooses one only when there is none.
 *
 * Whatever becomes ready by a transaction gets a place, by time and then by seq, behind all that were given before. So a
 * lane reads forward and never looks back.
 */
export class Heads {
  readonly #lanes: LaneTable;
  readonly #events: EventTable;
  readonly #deliveries: DeliveryTable;
  readonly #records: RecordTable;
  readonly #stalenessIndex: StalenessIndex;
  readonly #news: CommitNews;
  readonly #statements: ReturnType<typeof prepare>;

  constructor(parts: Parts) {
    this.#lanes = parts.lanes;
    this.#events = parts.events;
    this.#deliveries = parts.deliveries;
    this.#records = parts.records;
    this.#stalenessIndex = parts.stalenessIndex;
    this.#news = parts.news;
    this.#statements = prepare(parts.database);
  }

  /** The due time of a new head that is ready. */
  place(lane: Lane, seq: number, nowMs: number): number {
    let dueAtMs = Math.max(nowMs, lane.lastDueAtMs);
    if (dueAtMs === lane.lastDueAtMs && seq <= lane.lastSeq) dueAtMs += NEXT_PLACE_MS;
    lane.lastDueAtMs = dueAtMs;
    lane.lastSeq = seq;
    return dueAtMs;
  }

  /** Makes an open delivery a head, and reports it. */
  appoint(lane: Lane, row: DeliveryRow, { stateBefore, nowMs }: { stateBefore: number; nowMs: number }): void {
    row.is_head = 1;
    if (row.state === stateCodes.waiting) row.due_at_ms = 0;
    row.due_at_ms = Math.min(row.due_at_ms, nowMs + lane.longestWaitMs);
    if (row.due_at_ms <= nowMs) row.due_at_ms = this.place(lane, row.seq, nowMs);
    else if (row.due_at_ms <= lane.lastDueAtMs) row.due_at_ms = lane.lastDueAtMs + NEXT_PLACE_MS;
    this.#deliveries.update(lane, stateBefore, row);
    if (isReady(lane, row, nowMs)) this.#news.ready(lane, () => this.#ready(lane, row, this.#eventOf(row.seq)));
    else this.#news.due(lane, row.due_at_ms);
  }

  /** Chooses the head of a key that has none. */
  choose(lane: Lane, key: string, moment: Moment): void {
    for (;;) {
      const row = this.#deliveries.oldestOpen(lane, key);
      if (row === undefined) return;
      if (lane.holds && this.#deliveries.oldestDeadSeq(lane, key) < row.seq) return;
      if (!this.#isStale(lane, row)) {
        this.appoint(lane, row, { stateBefore: row.state, nowMs: moment.nowMs });
        return;
      }
      this.#dieAgain(lane, row, moment.atMs);
    }
  }

  /** An outcome is on record: `row` is the new state of its delivery, not yet written. */
  settle(lane: Lane, row: DeliveryRow, moment: Moment & { readonly stateBefore: number }): void {
    const wasHead = row.is_head === 1;
    const isOpen = row.state === stateCodes.retrying;
    if (isOpen && (row.key === '' || (wasHead && this.#staysHead(lane, row)))) {
      this.appoint(lane, row, moment);
      return;
    }
    row.is_head = 0;
    this.#deliveries.update(lane, moment.stateBefore, row);
    if (row.key === '') return;
    if (wasHead || this.#deliveries.head(lane, row.key, row.seq) === undefined) this.choose(lane, row.key, moment);
  }

  /** A dead letter is open again: `row`, not yet written. Answers the seq of the key's head when that is a later one. */
  reopen(lane: Lane, row: DeliveryRow, moment: Moment): number | undefined {
    const stateBefore = stateCodes.dead_lettered;
    if (row.key === '') {
      this.appoint(lane, row, { stateBefore, nowMs: moment.nowMs });
      return undefined;
    }
    row.is_head = 0;
    this.#deliveries.update(lane, stateBefore, row);
    const head = this.#deliveries.head(lane, row.key, row.seq);
    if (head === undefined) this.choose(lane, row.key, moment);
    return head !== undefined && head.seq > row.seq ? head.seq : undefined;
  }

  /** The head of its key is computed again. */
  giveBack(lane: Lane, seq: number, nowMs: number): void {
    const row = this.#deliveries.get(lane, seq);
    if (row === undefined || row.is_head === 0) return;
    this.#news.withdraw(lane, seq);
    if (isRecovered(lane, row)) row.may_have_run = 1;
    // What may have taken effect keeps its place: an older one would follow it.
    if (row.key === '' || row.may_have_run === 1 || this.#staysHead(lane, row)) {
      this.appoint(lane, row, { stateBefore: row.state, nowMs });
      return;
    }
    row.is_head = 0;
    this.#deliveries.update(lane, row.state, row);
    this.choose(lane, row.key, { atMs: nowMs, nowMs });
  }

  /** What waits for its next attempt is due now; answers how many there were. */
  endWaits(lane: Lane, nowMs: number): number {
    const { selectNotDue, selectBehind } = this.#statements;
    const waiting = this.#change(lane, selectNotDue.all(lane.number, Math.max(nowMs, lane.lastDueAtMs)), (row) => {
      row.due_at_ms = this.place(lane, row.seq, nowMs);
      row.not_before_ms = 0;
    });
    if (waiting > 0) this.#news.more(lane);
    // One that an older one came in front of waits no longer either, once it is the head again.
    const behind = this.#change(lane, selectBehind.all(lane.number, nowMs), (row) => {
      row.due_at_ms = nowMs;
      row.not_before_ms = 0;
    });
    return waiting + behind;
  }

  /**
   * The lane is opened. What was ready until now, or waited for a retry, may have been attempted. A clock that was set back
   * while no hub ran makes nothing wait: what had been ready stays so, and the others wait no longer than the longest wait.
   */
  recover(lane: Lane, { nowMs, longestWaitMs }: { nowMs: number; longestWaitMs: number }): void {
    lane.longestWaitMs = longestWaitMs;
    const latestMs = nowMs + longestWaitMs;
    const { selectLate, selectNotDue, selectBehind, selectLastReady } = this.#statements;
    this.#change(lane, selectLate.all(lane.number, nowMs, latestMs, latestMs), (row) => {
      row.due_at_ms = row.state === stateCodes.waiting ? nowMs : Math.min(row.due_at_ms, latestMs);
      row.not_before_ms = Math.min(row.not_before_ms, latestMs);
    });
    // The clock may have been set back, so one that is not due may have been: an older one does not come before it.
    this.#change(lane, selectNotDue.all(lane.number, nowMs), (row) => {
      row.may_have_run = 1;
    });
    this.#change(lane, selectBehind.all(lane.number, latestMs), (row) => {
      row.due_at_ms = latestMs;
      row.not_before_ms = Math.min(row.not_before_ms, latestMs);
    });
    const last = selectLastReady.get(lane.number, nowMs);
    lane.recoveredDueAtMs = Number(last?.due_at_ms ?? Number.NEGATIVE_INFINITY);
    lane.recoveredSeq = Number(last?.seq ?? 0);
    lane.lastDueAtMs = lane.recoveredDueAtMs;
    lane.lastSeq = lane.recoveredSeq;
  }

  /** Whether a dead letter holds its key is set; after {@link recover}. */
  hold(lane: Lane, holds: boolean, nowMs: number): void {
    if (lane.holds === holds) return;
    const keys = this.#statements.selectDeadKeys.all(lane.number).map(({ key }) => String(key));
    if (holds) for (const key of keys) this.#demoteHeld(lane, key);
    this.#lanes.setHolds(lane, holds);
    for (const key of keys) {
      if (this.#deliveries.head(lane, key, 0) === undefined) this.choose(lane, key, { atMs: nowMs, nowMs });
    }
  }

  readReady(request: ReadReadyRequest): ReadyPage {
    const { nowMs, limit, limitBytes, after = BEGINNING } = request;
    const lane = this.#lanes.find(request.adapter);
    if (lane === undefined) return { deliveries: [], isEnd: true, nextDueAtMs: Number.POSITIVE_INFINITY };
    const untilMs = Math.max(nowMs, lane.lastDueAtMs);
    const { selectReady, selectNextDue } = this.#statements;
    const deliveries: ReadyDelivery[] = [];
    let payloadBytes = 0;
    for (const found of selectReady.iterate(lane.number, after.dueAtMs, after.seq, untilMs)) {
      if (deliveries.length === limit) return { deliveries, isEnd: false, nextDueAtMs: Number.POSITIVE_INFINITY };
      const row = this.#deliveries.intact(found);
      const event = this.#events.bySeq(row.seq);
      payloadBytes += event.data.byteLength;
      if (deliveries.length > 0 && payloadBytes > limitBytes) {
        return { deliveries, isEnd: false, nextDueAtMs: Number.POSITIVE_INFINITY };
      }
      deliveries.push(this.#ready(lane, row, event));
      // What gets a place from now on comes after it: a retry may have been due at this very time.
      if (isBehind(lane, row)) [lane.lastDueAtMs, lane.lastSeq] = [row.due_at_ms, row.seq];
    }
    const next = selectNextDue.get(lane.number, untilMs)?.due_at_ms;
    return { deliveries, isEnd: true, nextDueAtMs: Number(next ?? Number.POSITIVE_INFINITY) };
  }

  readHead(request: ReadHeadRequest): ReadyDelivery | undefined {
    const lane = this.#lanes.find(request.adapter);
    if (lane === undefined) return undefined;
    const row = 'seq' in request ? this.#deliveries.get(lane, request.seq) : this.#firstHead(lane, request);
    return row?.is_head === 1 ? this.#ready(lane, row, this.#events.bySeq(row.seq)) : undefined;
  }

  #firstHead(
    lane: Lane,
    { nowMs, after = BEGINNING, except, ignoreNotBefore }: Exclude<ReadHeadRequest, { readonly seq: number }>,
  ): DeliveryRow | undefined {
    const notBeforeMs = ignoreNotBefore ? Number.POSITIVE_INFINITY : nowMs;
    const { key, seq } = except ?? { key: '', seq: 0 };
    const found = this.#statements.selectFirst.get(lane.number, after.dueAtMs, after.seq, notBeforeMs, key, seq);
    return found && this.#deliveries.intact(found);
  }

  /** True when no older one of its key is to go first. */
  #staysHead(lane: Lane, row: DeliveryRow): boolean {
    const oldest = this.#deliveries.oldestOpen(lane, row.key);
    return oldest?.seq === row.seq && !(lane.holds && this.#deliveries.oldestDeadSeq(lane, row.key) < row.seq);
  }

  /** Of a key that a dead letter will hold. */
  #demoteHeld(lane: Lane, key: string): void {
    const head = this.#deliveries.head(lane, key, 0);
    if (head === undefined || head.seq < this.#deliveries.oldestDeadSeq(lane, key)) return;
    if (isRecovered(lane, head)) head.may_have_run = 1;
    head.is_head = 0;
    this.#deliveries.update(lane, head.state, head);
  }

  /** It was replayed, and a newer one of its key was delivered meanwhile, or may have been. */
  #isStale(lane: Lane, row: DeliveryRow): boolean {
    if (row.cycle === 1 || row.may_follow === 1) return false;
    return (
      this.#stalenessIndex.newestDeliveredSeq(lane, row.key) > row.seq || this.#deliveries.mayHaveRunAfter(lane, row)
    );
  }

  #dieAgain(lane: Lane, row: DeliveryRow, atMs: number): void {
    const record = unattemptedRecord(
      { adapter: lane.id, seq: row.seq, atMs, reason: STALE },
      this.#events.identity(row.seq),
      row,
      'dead_lettered',
    );
    this.recordWithoutAttempt(lane, row, record);
  }

  /** A delivery that is not a head is settled without an attempt. */
  recordWithoutAttempt(lane: Lane, row: DeliveryRow, record: DeliveryRecord): void {
    const position = this.#records.append(lane, record);
    this.#news.record({ ...record, position });
    const stateBefore = row.state;
    row.state = stateCodes[record.state];
    row.is_head = 0;
    this.#deliveries.update(lane, stateBefore, row);
  }

  /** Answers how many there were. */
  #change(lane: Lane, found: readonly Record<string, unknown>[], change: (row: DeliveryRow) => void): number {
    for (const { seq } of found) {
      const row = this.#deliveries.get(lane, Number(seq));
      if (row === undefined) continue;
      change(row);
      this.#deliveries.update(lane, row.state, row);
    }
    return found.length;
  }

  #eventOf(seq: number): AcceptedEvent {
    return this.#news.event(seq, (unread) => this.#events.bySeq(unread));
  }

  #ready(lane: Lane, row: DeliveryRow, event: AcceptedEvent): ReadyDelivery {
    return {
      event,
      cycle: row.cycle,
      attempts: row.attempts,
      spent: row.spent,
      crashes: row.crashes,
      dueAtMs: row.due_at_ms,
      notBeforeMs: row.not_before_ms,
      sinceMs: row.since_ms,
      mayHaveRun: row.may_have_run === 1 || isRecovered(lane, row),
    };
  }
}

const STALE =
  'A newer event of its key was delivered meanwhile, or may have been. Replay it again with include_stale if it is to follow that one.';

const BEGINNING = { dueAtMs: Number.NEGATIVE_INFINITY, seq: 0 };

function isReady(lane: Lane, row: DeliveryRow, nowMs: number): boolean {
  return row.due_at_ms <= Math.max(nowMs, lane.lastDueAtMs);
}

/** It lies behind all places that were given. */
function isBehind({ lastDueAtMs, lastSeq }: Lane, row: DeliveryRow): boolean {
  return row.due_at_ms > lastDueAtMs || (row.due_at_ms === lastDueAtMs && row.seq > lastSeq);
}

/** It was ready when the lane was opened. */
function isRecovered({ recoveredDueAtMs, recoveredSeq }: Lane, row: DeliveryRow): boolean {
  if (row.due_at_ms !== recoveredDueAtMs) return row.due_at_ms < recoveredDueAtMs;
  return row.seq <= recoveredSeq;
}

function prepare(database: DatabaseSync) {
  const heads = 'FROM delivery INDEXED BY delivery_head WHERE adapter = ? AND is_head = 1';
  return {
    selectReady: prepareValues(
      database,
      `SELECT * ${heads} AND (due_at_ms, seq) > (?, ?) AND due_at_ms <= ? ORDER BY due_at_ms, seq`,
    ),
    selectNextDue: database.prepare(`SELECT due_at_ms ${heads} AND due_at_ms > ? ORDER BY due_at_ms LIMIT 1`),
    selectNotDue: database.prepare(`SELECT seq ${heads} AND due_at_ms > ? ORDER BY seq`),
    selectBehind: database.prepare(`
      SELECT seq FROM delivery INDEXED BY delivery_behind
      WHERE adapter = ? AND state = 1 AND is_head = 0 AND due_at_ms > ? ORDER BY seq`),
    selectLate: database.prepare(`
      SELECT seq ${heads} AND due_at_ms > ? AND (state = 0 OR due_at_ms > ? OR not_before_ms > ?) ORDER BY seq`),
    selectLastReady: database.prepare(`
      SELECT due_at_ms, seq ${heads} AND due_at_ms <= ? ORDER BY due_at_ms DESC, seq DESC LIMIT 1`),
    selectFirst: prepareValues(
      database,
      `SELECT * ${heads} AND (due_at_ms, seq) > (?, ?) AND not_before_ms <= ? AND (key = '' OR key <> ?) AND seq <> ?
      ORDER BY due_at_ms, seq LIMIT 1`,
    ),
    selectDeadKeys: database.prepare(`
      SELECT DISTINCT key FROM delivery INDEXED BY delivery_dead WHERE adapter = ? AND state = 4 AND key <> ''`),
  };
}
