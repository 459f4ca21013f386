import { LANE_LOST } from '../calls.ts';
import { deliveryState, isOpenCode, stateCodes } from '../codes.ts';
import type { DiscardRequest, DiscardResult, RecordRequest } from '../journal.ts';
import { CorruptionError, JournalError } from '../journal-error.ts';
import type { Heads } from './heads.ts';
import type { Parts } from './parts.ts';
import { unattemptedRecord } from './record-table.ts';

/** What becomes of deliveries: what lanes record, and what operators decide. */
export class Recording {
  readonly #parts: Parts & { readonly heads: Heads };

  constructor(parts: Parts & { readonly heads: Heads }) {
    this.#parts = parts;
  }

  /** Its position, or LANE_LOST. */
  record({ record, epoch, nowMs, dueAtMs, notBeforeMs }: RecordRequest): number {
    const { lanes, deliveries, records, heads, news } = this.#parts;
    const lane = lanes.find(record.adapter);
    const row = deliveries.get(lane, record.seq);
    if (lane === undefined || row === undefined) {
      throw new JournalError(
        'FAILED',
        `A record names a delivery that does not exist: event ${record.seq}, adapter ${record.adapter}.`,
      );
    }
    if (epoch !== lane.epoch) {
      news.lost(lane, epoch);
      return LANE_LOST;
    }
    const position = records.append(lane, record);
    const stateBefore = row.state;
    row.state = stateCodes[record.state];
    row.cycle = record.cycle;
    row.attempts = record.attempts;
    row.spent = record.spent;
    row.crashes = record.crashes;
    row.due_at_ms = dueAtMs;
    row.not_before_ms = notBeforeMs;
    row.may_have_run = 0;
    heads.settle(lane, row, { stateBefore, atMs: record.atMs, nowMs });
    return position;
  }

  discard(request: DiscardRequest): DiscardResult {
    const { lanes, events, deliveries, heads, news } = this.#parts;
    const lane = lanes.find(request.adapter);
    const row = deliveries.get(lane, request.seq);
    if (lane === undefined || row === undefined) return { kind: 'unknown' };
    if (!isOpenCode(row.state) && row.state !== stateCodes.dead_lettered) {
      return { kind: 'settled', state: deliveryState(row.state) };
    }
    const wasHead = row.is_head === 1;
    heads.recordWithoutAttempt(lane, row, unattemptedRecord(request, events.identity(row.seq), row, 'discarded'));
    news.withdraw(lane, row.seq);
    if (row.key !== '' && (wasHead || deliveries.head(lane, row.key, row.seq) === undefined)) {
      heads.choose(lane, row.key, request);
    }
    return { kind: 'discarded' };
  }

  /** Begins a new cycle of a dead letter. Answers how large the payload is. */
  reopen({ adapter, seq, mayFollow, ...moment }: ReopenRequest): number {
    const { lanes, events, deliveries, heads, news } = this.#parts;
    const lane = lanes.find(adapter);
    const row = deliveries.get(lane, seq);
    if (lane === undefined || row?.state !== stateCodes.dead_lettered) {
      throw new CorruptionError(`the dead letter of event ${seq} at ${adapter} is not as it is listed`);
    }
    row.state = stateCodes.waiting;
    row.cycle += 1;
    row.attempts = 0;
    row.spent = 0;
    row.crashes = 0;
    row.may_follow = Number(mayFollow);
    row.may_have_run = 0;
    row.due_at_ms = 0;
    row.not_before_ms = 0;
    row.since_ms = moment.nowMs;
    row.reopened_at_ms = moment.atMs;
    news.reopened({ adapter, seq, behindSeq: heads.reopen(lane, row, moment) });
    return events.payloadBytes(seq);
  }
}

export interface ReopenRequest {
  readonly adapter: string;
  readonly seq: number;
  /** Also after a newer one of its key was delivered. */
  readonly mayFollow: boolean;
  readonly atMs: number;
  readonly nowMs: number;
}
