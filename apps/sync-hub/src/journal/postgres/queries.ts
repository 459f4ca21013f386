import type { ReadyDelivery, RecordedDelivery } from '../../core/delivery.ts';
import { deliveryState, isOpenCode, recordedState } from '../codes.ts';
import {
  type EventReference,
  type FoundEvent,
  type ReadHeadRequest,
  type ReadReadyRequest,
  type ReadRecordsRequest,
  type ReadRecordsResult,
  type ReadyPage,
  readRecordsShare,
  type StoredDelivery,
} from '../journal.ts';
import {
  EVENT_VALUES,
  type EventValues,
  eventFromValues,
  type KnownLane,
  type KnownLanes,
  READY_VALUES,
  RECORD_VALUES,
  type RecordValues,
  type Rows,
  readyFromValues,
  recordFromValues,
} from './rows.ts';

/** At most 16 of the sources that have an id are named. */
const SOURCES_MAX = 16;

/** What queries need of a store. */
interface KnownStore extends KnownLanes, Rows {
  readonly lanes: readonly KnownLane[];
  find(adapter: string): KnownLane | undefined;
}

/** The reading calls of the port that ask for one thing; lists.ts has those that look for many. */
export class Queries {
  readonly #store: KnownStore;

  constructor(store: KnownStore) {
    this.#store = store;
  }

  async readReady({ adapter, after, nowMs, limit, limitBytes }: ReadReadyRequest): Promise<ReadyPage> {
    const lane = this.#store.find(adapter);
    if (lane === undefined) return { deliveries: [], isEnd: true, nextDueAtMs: Number.POSITIVE_INFINITY };
    await this.#store.rows('reach', 'SELECT reach($1, $2)', [lane.number, nowMs]);
    const rows = await this.#store.rows<readonly unknown[]>(
      'read_ready',
      // One more than fits says whether there are others, without its payload.
      `SELECT place <= $5 AND (place = 1 OR bytes <= $6) AS fits, page.* FROM (
        SELECT row_number() OVER places AS place, sum(octet_length(e.data)) OVER places AS bytes, octet_length(e.data) AS size,
          ${READY_VALUES}
        FROM lane l CROSS JOIN LATERAL (
          SELECT * FROM delivery d WHERE d.adapter = l.number AND d.is_head AND (d.due_at_ms, d.seq) > ($2, $3)
            AND d.due_at_ms <= greatest($4, last_place_ms(l)) ORDER BY d.due_at_ms, d.seq LIMIT $5 + 1
        ) AS d JOIN event e ON e.seq = d.seq WHERE l.number = $1
        WINDOW places AS (ORDER BY d.due_at_ms, d.seq)) AS page
      WHERE place <= 2 OR bytes - size <= $6 ORDER BY place`,
      [
        lane.number,
        after?.dueAtMs ?? Number.NEGATIVE_INFINITY,
        after?.seq ?? 0,
        nowMs,
        limit,
        Math.min(limitBytes, 2 ** 40),
      ],
    );
    const fitting = rows.filter(([fits]) => fits);
    const deliveries = fitting.map(([, , , , ...values]) => readyFromValues(values, this.#store));
    if (fitting.length < rows.length) return { deliveries, isEnd: false, nextDueAtMs: Number.POSITIVE_INFINITY };
    const next = await this.#store.rows<[number]>(
      'next_due',
      `SELECT d.due_at_ms FROM lane l CROSS JOIN LATERAL (
        SELECT due_at_ms FROM delivery WHERE adapter = l.number AND is_head AND due_at_ms > greatest($2, last_place_ms(l))
        ORDER BY due_at_ms LIMIT 1) AS d WHERE l.number = $1`,
      [lane.number, nowMs],
    );
    return { deliveries, isEnd: true, nextDueAtMs: next[0]?.[0] ?? Number.POSITIVE_INFINITY };
  }

  async readHead(request: ReadHeadRequest): Promise<ReadyDelivery | undefined> {
    const lane = this.#store.find(request.adapter);
    if (lane === undefined) return undefined;
    const rows =
      'seq' in request
        ? await this.#store.rows<readonly unknown[]>(
            'head_of',
            `SELECT ${READY_VALUES} FROM lane l JOIN delivery d ON d.adapter = l.number JOIN event e ON e.seq = d.seq
              WHERE l.number = $1 AND d.seq = $2 AND d.is_head`,
            [lane.number, request.seq],
          )
        : await this.#store.rows<readonly unknown[]>(
            'first_head',
            `SELECT ${READY_VALUES} FROM lane l CROSS JOIN LATERAL (
                SELECT * FROM delivery d WHERE d.adapter = l.number AND d.is_head AND (d.due_at_ms, d.seq) > ($2, $3)
                  AND d.not_before_ms <= $4 AND (d.key = '' OR d.key <> $5) AND d.seq <> $6
                ORDER BY d.due_at_ms, d.seq LIMIT 1
              ) AS d JOIN event e ON e.seq = d.seq WHERE l.number = $1`,
            [
              lane.number,
              request.after?.dueAtMs ?? Number.NEGATIVE_INFINITY,
              request.after?.seq ?? 0,
              request.ignoreNotBefore ? Number.POSITIVE_INFINITY : request.nowMs,
              request.except?.key ?? '',
              request.except?.seq ?? 0,
            ],
          );
    return rows[0] && readyFromValues(rows[0], this.#store);
  }

  async readEvent({ id, source }: EventReference): Promise<FoundEvent> {
    const sources =
      source === undefined
        ? await this.#store.rows<[string]>(
            'sources',
            `SELECT source FROM event WHERE id = $1 ORDER BY source COLLATE "C" LIMIT ${SOURCES_MAX + 1}`,
            [id],
          )
        : [[source] as [string]];
    if (sources.length > 1) return { kind: 'ambiguous', sources: sources.slice(0, SOURCES_MAX).map(([name]) => name) };
    const [rows, deliveries] = await Promise.all([
      this.#store.rows<EventValues>('event', `SELECT ${EVENT_VALUES} FROM event e WHERE e.id = $1 AND e.source = $2`, [
        id,
        sources[0]?.[0] ?? '',
      ]),
      this.#store.rows<StateRow>(
        'deliveries',
        `SELECT n.number, coalesce(d.state, r.state, 0), coalesce(d.cycle, r.cycle, 1), coalesce(d.attempts, r.attempts, 0),
          coalesce(d.spent, r.spent, 0), coalesce(d.crashes, r.crashes, 0),
          coalesce(d.state < 2 AND is_held(n.number, e.key, e.seq), false)
        FROM event e CROSS JOIN unnest(e.adapters) AS n (number)
        LEFT JOIN delivery d ON d.adapter = n.number AND d.seq = e.seq
        LEFT JOIN LATERAL (SELECT * FROM record WHERE record.seq = e.seq AND record.adapter = n.number
          ORDER BY position DESC LIMIT 1) AS r ON true
        WHERE e.id = $1 AND e.source = $2`,
        [id, sources[0]?.[0] ?? ''],
      ),
    ]);
    const [values] = rows;
    if (values === undefined) return { kind: 'unknown' };
    const event = eventFromValues(values, this.#store);
    const limit = readRecordsShare(deliveries.length);
    const stored = await Promise.all(deliveries.map((row) => this.#storedDelivery(row, event.seq, limit)));
    return {
      kind: 'found',
      event,
      deliveries: stored.sort((left, right) => (left.adapter < right.adapter ? -1 : 1)),
    };
  }

  async #storedDelivery(row: StateRow, seq: number, limit: number): Promise<StoredDelivery> {
    const [number, state, cycle, attempts, spent, crashes, isHeldByKey] = row;
    // One more than fits says whether there are older ones.
    const records = await this.#store.rows<RecordValues>(
      'records_of',
      `SELECT ${RECORD_VALUES} FROM record r JOIN event e ON e.seq = r.seq WHERE r.seq = $1 AND r.adapter = $2
        ORDER BY r.position DESC LIMIT $3`,
      [seq, number, limit + 1],
    );
    const newest = records.slice(0, limit).map((values) => recordFromValues(values, this.#store));
    return {
      adapter: this.#store.id(number),
      state: isOpenCode(state) ? deliveryState(state) : recordedState(state),
      cycle,
      attempts,
      spent,
      crashes,
      isHeldByKey,
      records: newest.reverse(),
      hasOlderRecords: records.length > limit,
    };
  }

  async readRecords({ after, limit }: ReadRecordsRequest): Promise<ReadRecordsResult> {
    const records: RecordedDelivery[] = [];
    for (const lane of this.#store.lanes) {
      // One more than fits says whether there are others.
      const rows = await this.#store.rows<RecordValues>(
        'records_after',
        `SELECT ${RECORD_VALUES} FROM record r JOIN event e ON e.seq = r.seq WHERE r.adapter = $1 AND r.position > $2
          ORDER BY r.position LIMIT $3`,
        [lane.number, after.get(lane.id) ?? 0, limit + 1 - records.length],
      );
      for (const values of rows) {
        if (records.length === limit) return { records, isEnd: false };
        records.push(recordFromValues(values, this.#store));
      }
    }
    return { records, isEnd: true };
  }
}

type StateRow = readonly [
  ...[adapter: number, state: number, cycle: number, attempts: number, spent: number, crashes: number],
  isHeldByKey: boolean,
];
