import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { crc32 } from 'node:zlib';
import type { DeliveryRecord, OpenDelivery } from '../../core/delivery.ts';
import { type DiscardRequest, type DiscardResult, discardRecord } from '../dead-letter.ts';
import { type AcceptRequest, type FullDisk, JournalError } from '../journal.ts';
import type { JournalAnswers } from '../request.ts';
import type { PruneRequest, PruneResult } from '../retention.ts';
import type { Adapters } from './adapters.ts';
import { deliveryChecksum, eventChecksum, recordChecksum } from './checksum.ts';
import { deliveryState, outcomeCodes, stateCodes } from './codes.ts';
import { Pruner } from './pruner.ts';
import type { Reader } from './reader.ts';
import { DELIVERY_COLUMNS, type DeliveryRow, requireIntactDelivery } from './rows.ts';
import { Totals } from './totals.ts';
import { WatchedKeys } from './watched-keys.ts';

export interface WriterOptions {
  readonly database: DatabaseSync;
  readonly adapters: Adapters;
  readonly reader: Reader;
}

/** Puts events, records and what people decided into the open transaction, and counts along. */
export class Writer {
  readonly #adapters: Adapters;
  readonly #reader: Reader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #watchedKeys: WatchedKeys;
  readonly #pruner: Pruner;
  #totals: Totals;
  #lastSeq: number;
  #lastCursor: number;

  constructor({ database, adapters, reader }: WriterOptions) {
    this.#adapters = adapters;
    this.#reader = reader;
    this.#statements = prepare(database);
    this.#totals = Totals.count(database);
    this.#watchedKeys = new WatchedKeys(database);
    this.#pruner = new Pruner({ database, watchedKeys: this.#watchedKeys });
    this.#lastSeq = newest(database.prepare('SELECT max(seq) AS newest FROM event'));
    this.#lastCursor = newest(database.prepare('SELECT max(cursor) AS newest FROM record'));
  }

  get totals(): Totals {
    return this.#totals;
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get lastCursor(): number {
    return this.#lastCursor;
  }

  /** What is counted here, to be given back to it by the returned function when the transaction is rolled back. */
  mark(): () => void {
    const [totals, lastSeq, lastCursor] = [this.#totals.copy(), this.#lastSeq, this.#lastCursor];
    return () => {
      this.#totals = totals;
      this.#lastSeq = lastSeq;
      this.#lastCursor = lastCursor;
      this.#adapters.reload();
      this.#watchedKeys.reload();
    };
  }

  /** With a full disk, that is the answer for an event that is not known yet. */
  accept(request: AcceptRequest, full: FullDisk | undefined): JournalAnswers['accept'] {
    const { event, contentHash, acceptedAtMs, adapters } = request;
    if (full !== undefined) return this.#known(event.id, contentHash) ?? full;
    const seq = this.#lastSeq + 1;
    const row = {
      seq,
      id: event.id,
      source: event.source,
      type: event.type,
      key: event.key,
      time_ms: event.timeMs,
      content_type: event.dataContentType,
      attributes: JSON.stringify(event.attributes),
      content_hash: contentHash,
      accepted_at_ms: acceptedAtMs,
      last_cursor: this.#lastCursor,
      data_checksum: crc32(event.data),
    };
    const { changes } = this.#statements.insertEvent.run(
      seq,
      row.id,
      row.source,
      row.type,
      row.key,
      row.time_ms,
      row.content_type,
      row.attributes,
      contentHash,
      acceptedAtMs,
      row.last_cursor,
      event.data,
      row.data_checksum,
      eventChecksum(row, adapters.toSorted()),
    );
    if (changes === 0) return this.#known(event.id, contentHash) ?? 'conflict';
    this.#lastSeq = seq;
    for (const adapter of adapters) {
      const number = this.#adapters.number(adapter);
      this.#statements.insertDelivery.run(seq, number, event.key, newDeliveryChecksum(seq, number));
      this.#totals.added(number);
    }
    return seq;
  }

  record(record: DeliveryRecord): number {
    const adapter = this.#adapters.find(record.adapter) ?? 0;
    // Not checked against its checksum: what is read of it is little, and the rest is written over.
    const before = this.#statements.selectStanding.get(record.seq, adapter);
    if (before === undefined) {
      throw new JournalError(
        'FAILED',
        `A record names a delivery that does not exist: event ${record.seq}, adapter ${record.adapter}.`,
      );
    }
    const cursor = this.#lastCursor + 1;
    const state = stateCodes[record.state];
    this.#insertRecord(record, { cursor, previous: Number(before.last_cursor), adapter, state });
    this.#update(Number(before.state), {
      seq: record.seq,
      adapter,
      state,
      cycle: record.cycle,
      attempts: record.attempts,
      spent: record.spent,
      crashes: record.crashes,
      not_before_ms: record.nextAttemptAtMs,
      last_cursor: cursor,
      reopened_at_ms: before.reopened_at_ms === null ? null : Number(before.reopened_at_ms),
    });
    this.#lastCursor = cursor;
    return cursor;
  }

  /** Begins a new cycle of a dead letter. */
  reopen({ adapter, seq, atMs }: { adapter: string; seq: number; atMs: number }): OpenDelivery {
    const before = this.#delivery(seq, this.#adapters.find(adapter) ?? 0);
    const event = before && this.#reader.readBySeq(seq);
    if (event === undefined || before?.state !== stateCodes.dead_lettered) {
      throw new JournalError('UNREADABLE', `The dead letter of event ${seq} at ${adapter} is not as it is listed.`);
    }
    const begun = { cycle: before.cycle + 1, attempts: 0, spent: 0, crashes: 0 };
    const after = { ...before, ...begun, state: stateCodes.waiting, not_before_ms: 0, reopened_at_ms: atMs };
    this.#update(before.state, after);
    return { event, ...begun, notBeforeMs: 0, asOfMs: atMs };
  }

  discard({ adapter, seq, atMs, reason }: DiscardRequest): DiscardResult {
    const before = this.#delivery(seq, this.#adapters.find(adapter) ?? 0);
    const event = before && this.#reader.readBySeq(seq);
    if (before === undefined || event === undefined) return { kind: 'unknown' };
    if (before.state !== stateCodes.dead_lettered) {
      return { kind: 'not_dead_letter', state: deliveryState(before.state) };
    }
    const record = discardRecord({ adapter, seq, eventId: event.id, counts: before, atMs, reason });
    return { kind: 'discarded', record: { ...record, cursor: this.record(record) } };
  }

  prune(request: PruneRequest): PruneResult {
    return this.#pruner.prune(request, { lastSeq: this.#lastSeq, lastCursor: this.#lastCursor });
  }

  newestDeliveredSeq(adapter: string, key: string): number {
    return this.#watchedKeys.newestDeliveredSeq(this.#adapters.find(adapter) ?? 0, key);
  }

  #delivery(seq: number, adapter: number): DeliveryRow | undefined {
    const row = this.#statements.selectDelivery.get(seq, adapter) as DeliveryRow | undefined;
    if (row !== undefined) requireIntactDelivery(row, this.#adapters);
    return row;
  }

  #insertRecord(record: DeliveryRecord, place: { cursor: number; previous: number; adapter: number; state: number }) {
    const { attempt } = record;
    const row = {
      ...place,
      seq: record.seq,
      version: record.adapterVersion,
      cycle: record.cycle,
      attempts: record.attempts,
      spent: record.spent,
      crashes: record.crashes,
      at_ms: record.atMs,
      next_attempt_at_ms: record.nextAttemptAtMs,
      outcome: attempt === undefined ? null : outcomeCodes[attempt.outcome],
      started_at_ms: attempt?.startedAtMs ?? null,
      duration_ms: attempt?.durationMs ?? null,
      receipt: attempt?.receipt ?? null,
      code: attempt?.failure?.code ?? null,
      message: (attempt === undefined ? record.reason : attempt.failure?.message) ?? null,
    };
    this.#statements.insertRecord.run(
      row.cursor,
      row.previous,
      row.seq,
      row.adapter,
      row.version,
      row.state,
      row.cycle,
      row.attempts,
      row.spent,
      row.crashes,
      row.at_ms,
      row.next_attempt_at_ms,
      row.outcome,
      row.started_at_ms,
      row.duration_ms,
      row.receipt,
      row.code,
      row.message,
      recordChecksum(row, record.eventId),
    );
  }

  #update(stateBefore: number, after: Omit<DeliveryRow, 'key' | 'checksum'>): void {
    this.#statements.updateDelivery.run(
      after.state,
      after.cycle,
      after.attempts,
      after.spent,
      after.crashes,
      after.not_before_ms,
      after.last_cursor,
      after.reopened_at_ms,
      deliveryChecksum(after),
      after.seq,
      after.adapter,
    );
    this.#totals.changed(after.adapter, stateBefore, after.state);
    this.#watchedKeys.changed(after);
  }

  #known(id: string, contentHash: Uint8Array): JournalAnswers['accept'] | undefined {
    const known = this.#reader.readAccepted(id);
    if (known === undefined) return undefined;
    if (Buffer.compare(known.contentHash, contentHash) !== 0) return 'conflict';
    return { event: known.event, lastCursor: known.lastCursor };
  }
}

function prepare(database: DatabaseSync) {
  return {
    insertEvent: database.prepare(`
      INSERT INTO event (seq, id, source, type, key, time_ms, content_type, attributes, content_hash, accepted_at_ms,
        last_cursor, data, data_checksum, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO NOTHING`),
    insertDelivery: database.prepare(`
      INSERT INTO delivery (seq, adapter, key, state, cycle, attempts, spent, crashes, not_before_ms, last_cursor,
        checksum)
      VALUES (?, ?, ?, 0, 1, 0, 0, 0, 0, 0, ?)`),
    selectStanding: database.prepare(
      'SELECT state, last_cursor, reopened_at_ms FROM delivery WHERE seq = ? AND adapter = ?',
    ),
    selectDelivery: database.prepare(`SELECT ${DELIVERY_COLUMNS} FROM delivery WHERE seq = ? AND adapter = ?`),
    insertRecord: database.prepare(`
      INSERT INTO record (cursor, previous, seq, adapter, version, state, cycle, attempts, spent, crashes, at_ms,
        next_attempt_at_ms, outcome, started_at_ms, duration_ms, receipt, code, message, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    updateDelivery: database.prepare(`
      UPDATE delivery
      SET state = ?, cycle = ?, attempts = ?, spent = ?, crashes = ?, not_before_ms = ?, last_cursor = ?,
        reopened_at_ms = ?, checksum = ?
      WHERE seq = ? AND adapter = ?`),
  };
}

/** Of a delivery as insertDelivery writes it. */
function newDeliveryChecksum(seq: number, adapter: number): number {
  const counts = { state: stateCodes.waiting, cycle: 1, attempts: 0, spent: 0, crashes: 0 };
  return deliveryChecksum({ seq, adapter, ...counts, not_before_ms: 0, last_cursor: 0, reopened_at_ms: null });
}

function newest(statement: StatementSync): number {
  return Number(statement.get()?.newest ?? 0);
}
