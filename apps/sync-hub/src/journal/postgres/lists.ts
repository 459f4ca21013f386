import { deliveryState, isOpenCode, outcomeKind, stateCodes } from '../codes.ts';
import { createMatcher, type DeliveryFilter, type FilteredDelivery, statesOf } from '../delivery-filter.ts';
import {
  compareOldestFirst,
  comparePositions,
  type DeliveryCount,
  type DeliveryPage,
  type DeliveryPosition,
  type ListDeliveriesRequest,
  type ListedDelivery,
} from '../delivery-page.ts';
import type { DeadLetter } from '../replay-job.ts';
import { type KnownLanes, RECORD_VALUES, type RecordValues, type Rows, recordFromValues } from './rows.ts';

/** A request looks at this many deliveries at most. */
const SCAN_DELIVERIES = 2_048;

/** Of history, where no index helps, this many events are looked at. */
const HISTORY_EVENTS = 256;

type KnownStore = KnownLanes & Rows;

type CandidateValues = readonly [
  ...[adapter: number, seq: number, eventId: string, source: string, type: string, key: string, acceptedAtMs: number],
  ...[state: number, cycle: number, attempts: number, spent: number, crashes: number, reopenedAtMs: number | null],
  ...[lastPosition: number | null, lastOutcome: number | null, payloadBytes: number, newestDeliveredSeq: number],
];

type Candidate = Omit<ListedDelivery, 'latest' | 'isHeldByKey'> &
  FilteredDelivery & {
    readonly number: number;
    readonly lastPosition: number;
    readonly payloadBytes: number;
    readonly newestDeliveredSeq: number;
  };

/** A dead letter with what a replay asks of it. */
export type ListedDeadLetter = DeadLetter & Pick<Candidate, 'payloadBytes' | 'newestDeliveredSeq'>;

const CANDIDATE = `
  l.number, e.seq, e.id, e.source, e.type, e.key, e.accepted_at_ms,
  coalesce(d.state, r.state, 0), coalesce(d.cycle, r.cycle, 1), coalesce(d.attempts, r.attempts, 0),
  coalesce(d.spent, r.spent, 0), coalesce(d.crashes, r.crashes, 0), coalesce(d.reopened_at_ms, r.reopened_at_ms),
  r.position, r.outcome, octet_length(e.data),
  coalesce((SELECT newest_delivered_seq FROM watched_key w WHERE w.adapter = l.number AND w.key = e.key), 0)`;

const NEWEST_RECORD = `LEFT JOIN LATERAL (
  SELECT * FROM record WHERE record.seq = e.seq AND record.adapter = l.number ORDER BY position DESC LIMIT 1) AS r ON true`;

/** Finds deliveries by a filter, newest first. */
export class Lists {
  readonly #store: KnownStore;

  constructor(store: KnownStore) {
    this.#store = store;
  }

  async page({ filter, limit, after }: ListDeliveriesRequest): Promise<DeliveryPage> {
    const found: Candidate[] = [];
    const next = await this.#look({ filter, after }, (candidate) => {
      found.push(candidate);
      return found.length < limit;
    });
    return { deliveries: await this.#listed(found), next };
  }

  async count(request: { filter: DeliveryFilter; after: DeliveryPosition | undefined }): Promise<DeliveryCount> {
    let count = 0;
    const next = await this.#look(request, () => {
      count++;
      return true;
    });
    return { count, next };
  }

  /** At least those dead letters that a filter can mean, after a place; events oldest first. */
  async deadLettersAfter(
    filter: DeliveryFilter,
    after: DeliveryPosition | undefined,
  ): Promise<readonly ListedDeadLetter[]> {
    const matches = createMatcher({ ...filter, states: ['dead_lettered'] });
    const candidates =
      filter.eventIds !== undefined && filter.eventIds.length > 0
        ? (await this.#ofEvents(filter.eventIds))
            .filter(({ state }) => state === 'dead_lettered')
            .filter((candidate) => after === undefined || compareOldestFirst(candidate, after) > 0)
        : await this.#candidates(
            'dead_letters',
            `SELECT ${CANDIDATE} FROM lane l JOIN delivery d ON d.adapter = l.number AND d.state = 4
              JOIN event e ON e.seq = d.seq ${NEWEST_RECORD}
              WHERE ($1::text[] IS NULL OR l.adapter = ANY ($1)) AND (d.seq, l.adapter COLLATE "C") > ($2, $3)
              ORDER BY d.seq, l.adapter COLLATE "C" LIMIT ${SCAN_DELIVERIES + 1}`,
            [wantedAdapters(filter), after?.seq ?? 0, after?.adapter ?? ''],
          );
    return [...candidates]
      .sort(compareOldestFirst)
      .map((candidate) => ({ ...candidate, position: candidate.lastPosition, isSelected: matches(candidate) }));
  }

  /** Visits what matches until the visitor has enough or enough was looked at. Where to go on; undefined at the end. */
  async #look(
    { filter, after }: { filter: DeliveryFilter; after: DeliveryPosition | undefined },
    visit: (candidate: Candidate) => boolean,
  ): Promise<DeliveryPosition | undefined> {
    const matches = createMatcher(filter);
    const { candidates, next } = await this.#some(filter, after);
    for (const candidate of candidates) {
      if (matches(candidate) && !visit(candidate)) return { seq: candidate.seq, adapter: candidate.adapter };
    }
    return next;
  }

  /** In the order of lists, from a place on: all that can match, and more. */
  async #some(
    filter: DeliveryFilter,
    after: DeliveryPosition | undefined,
  ): Promise<{ readonly candidates: readonly Candidate[]; readonly next: DeliveryPosition | undefined }> {
    if (filter.eventIds !== undefined && filter.eventIds.length > 0) {
      const candidates = await this.#ofEvents(filter.eventIds);
      return {
        candidates: candidates.filter((candidate) => after === undefined || comparePositions(candidate, after) > 0),
        next: undefined,
      };
    }
    const codes = statesOf(filter).map((state) => stateCodes[state]);
    const isSettled = codes.some((code) => !isOpenCode(code) && code !== stateCodes.dead_lettered);
    if (isSettled) return this.#history(after);
    const candidates = await this.#candidates(
      'unsettled',
      `SELECT ${CANDIDATE} FROM lane l CROSS JOIN LATERAL (
          SELECT * FROM delivery WHERE delivery.adapter = l.number AND delivery.state = ANY ($2) AND delivery.seq <= $3
          ORDER BY delivery.seq DESC LIMIT ${SCAN_DELIVERIES + 1}
        ) AS d JOIN event e ON e.seq = d.seq ${NEWEST_RECORD}
        WHERE ($1::text[] IS NULL OR l.adapter = ANY ($1)) AND (d.seq < $3 OR l.adapter COLLATE "C" > $4)
        ORDER BY d.seq DESC, l.adapter COLLATE "C" LIMIT ${SCAN_DELIVERIES + 1}`,
      [wantedAdapters(filter), codes, after?.seq ?? Number.MAX_SAFE_INTEGER, after?.adapter ?? ''],
    );
    const looked = candidates.slice(0, SCAN_DELIVERIES);
    const last = looked.at(-1);
    const isMore = candidates.length > SCAN_DELIVERIES;
    return { candidates: looked, next: isMore ? last && { seq: last.seq, adapter: last.adapter } : undefined };
  }

  async #history(after: DeliveryPosition | undefined) {
    const [[fromSeq] = [null]] = await this.#store.rows<[number | null]>(
      'history_start',
      `SELECT min(seq) FROM (SELECT seq FROM event WHERE seq <= $1 ORDER BY seq DESC LIMIT ${HISTORY_EVENTS}) AS looked`,
      [after?.seq ?? Number.MAX_SAFE_INTEGER],
    );
    if (fromSeq === null) return { candidates: [], next: undefined };
    const candidates = await this.#candidates(
      'history',
      `SELECT ${CANDIDATE} FROM event e CROSS JOIN unnest(e.adapters) AS n (number) JOIN lane l ON l.number = n.number
        LEFT JOIN delivery d ON d.adapter = l.number AND d.seq = e.seq ${NEWEST_RECORD}
        WHERE e.seq BETWEEN $1 AND $2 AND (e.seq < $2 OR l.adapter COLLATE "C" > $3)
        ORDER BY e.seq DESC, l.adapter COLLATE "C"`,
      [fromSeq, after?.seq ?? Number.MAX_SAFE_INTEGER, after?.adapter ?? ''],
    );
    const [[isMore] = [false]] = await this.#store.rows<[boolean]>(
      'history_before',
      'SELECT EXISTS (SELECT 1 FROM event WHERE seq < $1)',
      [fromSeq],
    );
    // Behind all adapters of the oldest event that was looked at.
    return { candidates, next: isMore ? { seq: fromSeq - 1, adapter: '' } : undefined };
  }

  async #ofEvents(eventIds: readonly string[]): Promise<readonly Candidate[]> {
    const candidates = await this.#candidates(
      'of_events',
      `SELECT ${CANDIDATE} FROM event e CROSS JOIN unnest(e.adapters) AS n (number) JOIN lane l ON l.number = n.number
        LEFT JOIN delivery d ON d.adapter = l.number AND d.seq = e.seq ${NEWEST_RECORD} WHERE e.id = ANY ($1)`,
      [[...new Set(eventIds)]],
    );
    return [...candidates].sort(comparePositions);
  }

  async #candidates(name: string, text: string, values: readonly unknown[]): Promise<readonly Candidate[]> {
    const rows = await this.#store.rows<CandidateValues>(name, text, values);
    return rows.map((row) => {
      const [number, seq, eventId, source, type, key, acceptedAtMs, state, cycle, attempts, spent, crashes] = row;
      const [reopenedAtMs, lastPosition, lastOutcome, payloadBytes, newestDeliveredSeq] = row.slice(12) as [
        ...[number | null, number | null, number | null, number, number],
      ];
      return {
        ...{ number, adapter: this.#store.id(number), seq, eventId, source, type, key, acceptedAtMs },
        ...{ state: deliveryState(state), cycle, attempts, spent, crashes, reopenedAtMs: reopenedAtMs ?? undefined },
        ...{ lastPosition: lastPosition ?? 0, payloadBytes, newestDeliveredSeq },
        lastOutcome: lastOutcome === null ? undefined : outcomeKind(lastOutcome),
      };
    });
  }

  async #listed(found: readonly Candidate[]): Promise<readonly ListedDelivery[]> {
    if (found.length === 0) return [];
    const values = [found.map(({ number }) => number), found.map(({ seq }) => seq)];
    const [records, held] = await Promise.all([
      this.#store.rows<RecordValues>(
        'latest',
        `SELECT ${RECORD_VALUES} FROM unnest($1::int[], $2::bigint[]) AS t (adapter, position)
          JOIN record r ON r.adapter = t.adapter AND r.position = t.position JOIN event e ON e.seq = r.seq`,
        [values[0], found.map(({ lastPosition }) => lastPosition)],
      ),
      this.#store.rows<[number, number]>(
        'held',
        `SELECT d.adapter, d.seq FROM unnest($1::int[], $2::bigint[]) AS t (adapter, seq)
          JOIN delivery d ON d.adapter = t.adapter AND d.seq = t.seq
          WHERE d.state < 2 AND is_held(d.adapter, d.key, d.seq)`,
        values,
      ),
    ]);
    const latest = new Map(records.map((row) => [`${row[0]} ${row[2]}`, recordFromValues(row, this.#store)]));
    const isHeld = new Set(held.map(([number, seq]) => `${number} ${seq}`));
    return found.map(({ number, lastPosition, lastOutcome, payloadBytes, newestDeliveredSeq, ...delivery }) => ({
      ...delivery,
      isHeldByKey: isHeld.has(`${number} ${delivery.seq}`),
      latest: latest.get(`${number} ${delivery.seq}`),
    }));
  }
}

/** Null: all. */
function wantedAdapters({ adapters }: DeliveryFilter): readonly string[] | null {
  return adapters === undefined || adapters.length === 0 ? null : [...adapters];
}
