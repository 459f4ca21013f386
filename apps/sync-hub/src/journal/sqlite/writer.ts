import { Buffer } from 'node:buffer';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { DeliveryRecord } from '../../core/delivery.ts';
import { type AcceptRequest, JournalError, type StoredBreaker } from '../journal.ts';
import type { JournalAnswers } from '../request.ts';
import type { Adapters } from './adapters.ts';
import { outcomeCodes, stateCodes } from './codes.ts';
import type { Reader } from './reader.ts';
import { Totals } from './totals.ts';

export interface WriterOptions {
  readonly database: DatabaseSync;
  readonly adapters: Adapters;
  readonly reader: Reader;
}

/** Puts events, records and breakers into the open transaction, and counts along. */
export class Writer {
  readonly #adapters: Adapters;
  readonly #reader: Reader;
  readonly #statements: ReturnType<typeof prepare>;
  #totals: Totals;
  #lastSeq: number;
  #lastCursor: number;

  constructor({ database, adapters, reader }: WriterOptions) {
    this.#adapters = adapters;
    this.#reader = reader;
    this.#statements = prepare(database);
    this.#totals = Totals.count(database);
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
    };
  }

  /** With `refuseNew`, an event that is not known yet is answered `full`. */
  accept(request: AcceptRequest, refuseNew: boolean): JournalAnswers['accept'] {
    const { event, contentHash, acceptedAtMs, adapters } = request;
    if (refuseNew) return this.#known(event.id, contentHash) ?? 'full';
    const seq = this.#lastSeq + 1;
    const { changes } = this.#statements.insertEvent.run(
      seq,
      event.id,
      event.source,
      event.type,
      event.key,
      event.timeMs,
      event.dataContentType,
      JSON.stringify(event.attributes),
      contentHash,
      acceptedAtMs,
      this.#lastCursor,
      event.data,
    );
    if (changes === 0) return this.#known(event.id, contentHash) ?? 'conflict';
    this.#lastSeq = seq;
    for (const adapter of adapters) {
      const number = this.#adapters.number(adapter);
      this.#statements.insertDelivery.run(seq, number, event.key);
      this.#totals.added(number);
    }
    return seq;
  }

  record(record: DeliveryRecord): number {
    const { seq, attempt } = record;
    const adapter = this.#adapters.find(record.adapter) ?? 0;
    const before = this.#statements.selectDelivery.get(seq, adapter);
    if (before === undefined) {
      throw new JournalError(
        'FAILED',
        `A record names a delivery that does not exist: event ${seq}, adapter ${record.adapter}.`,
      );
    }
    const state = stateCodes[record.state];
    const cursor = this.#lastCursor + 1;
    this.#statements.insertRecord.run(
      cursor,
      Number(before.last_cursor),
      seq,
      adapter,
      record.adapterVersion,
      state,
      record.cycle,
      record.attempts,
      record.spent,
      record.crashes,
      record.atMs,
      record.nextAttemptAtMs,
      attempt === undefined ? null : outcomeCodes[attempt.outcome],
      attempt?.startedAtMs ?? null,
      attempt?.durationMs ?? null,
      attempt?.receipt ?? null,
      attempt?.failure?.code ?? null,
      attempt?.failure?.message ?? null,
    );
    this.#statements.updateDelivery.run(
      state,
      record.cycle,
      record.attempts,
      record.spent,
      record.crashes,
      record.nextAttemptAtMs,
      cursor,
      seq,
      adapter,
    );
    this.#lastCursor = cursor;
    this.#totals.changed(adapter, Number(before.state), state);
    return cursor;
  }

  saveBreaker(breaker: StoredBreaker): undefined {
    this.#statements.saveBreaker.run(breaker.adapter, breaker.state, breaker.sinceMs, breaker.cause);
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
        last_cursor, data)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
      ON CONFLICT (id) DO NOTHING`),
    insertDelivery: database.prepare(`
      INSERT INTO delivery (seq, adapter, key, state, cycle, attempts, spent, crashes, not_before_ms, last_cursor)
      VALUES (?, ?, ?, 0, 1, 0, 0, 0, 0, 0)`),
    selectDelivery: database.prepare('SELECT state, last_cursor FROM delivery WHERE seq = ? AND adapter = ?'),
    insertRecord: database.prepare(`
      INSERT INTO record (cursor, previous, seq, adapter, version, state, cycle, attempts, spent, crashes, at_ms,
        next_attempt_at_ms, outcome, started_at_ms, duration_ms, receipt, code, message)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`),
    updateDelivery: database.prepare(`
      UPDATE delivery
      SET state = ?, cycle = ?, attempts = ?, spent = ?, crashes = ?, not_before_ms = ?, last_cursor = ?
      WHERE seq = ? AND adapter = ?`),
    saveBreaker: database.prepare(`
      INSERT INTO breaker (adapter, state, since_ms, cause) VALUES (?, ?, ?, ?)
      ON CONFLICT (adapter) DO UPDATE SET state = excluded.state, since_ms = excluded.since_ms, cause = excluded.cause`),
  };
}

function newest(statement: StatementSync): number {
  return Number(statement.get()?.newest ?? 0);
}
