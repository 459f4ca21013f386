import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import type { Client, QueryArrayResult } from 'pg';
import { CALLS, type Call, type CommitReport, LANE_LOST, type StoreAccept, type StoreAnswer } from '../calls.ts';
import { deliveryState, outcomeCodes, stateCodes } from '../codes.ts';
import { CommitNews, PAYLOAD_BYTES_MAX } from '../commit-news.ts';
import type {
  AcceptRequest,
  CallName,
  DiscardRequest,
  DiscardResult,
  EventReference,
  FullDisk,
  JournalStatistics,
  OpenedLane,
  OpenLaneRequest,
  PruneRequest,
  PruneResult,
  ReadHeadRequest,
  ReadReadyRequest,
  ReadRecordsRequest,
  RecordRequest,
  StoredBreaker,
  StoredPause,
} from '../journal.ts';
import { CorruptionError } from '../journal-error.ts';
import { type ReplayJob, type ReplayStepRequest, type ReplayStepResult, runReplayStep } from '../replay-job.ts';
import { Lists } from './lists.ts';
import { Queries } from './queries.ts';
import {
  EVENT_VALUES,
  type EventValues,
  eventFromValues,
  type KnownLane,
  READY_VALUES,
  RECORD_VALUES,
  type RecordValues,
  readyFromValues,
  recordFromValues,
  storable,
} from './rows.ts';
import { Statistics } from './statistics.ts';

/** Of each lane, records of other hubs that are read at a time. */
const RECORDS_MAX = 1_024;

/** Once a statement carries so many bytes of payloads, the next event goes with another. */
const BATCH_BYTES_MAX = 8 * 1024 * 1024;

/** One that another hub changed meanwhile. */
const NOT_AS_LISTED = 'HS002';
const DISK_FULL = '53100';

/** What an answer of the database makes true here. */
type Apply = () => void | Promise<void>;

const DONE = () => undefined;

/** A call on its way through a group. */
interface Asked<Name extends CallName> {
  readonly index: number;
  readonly request: Extract<Call, { name: Name }>['request'];
}

/** What a function reported, see the type news of functions.ts. */
type News = readonly [kind: string, adapter: number, seq: number, dueAtMs: number | null, position: number];

/** The calls of the port on a PostgreSQL: a group of them is a few statements, each a transaction of its own. */
export class Store {
  readonly #client: Client;
  readonly #hub: string;
  readonly #lists: Lists;
  readonly #queries: Queries;
  readonly #statistics: Statistics;
  readonly #byNumber = new Map<number, KnownLane>();
  readonly #byId = new Map<string, KnownLane>();
  readonly #idLists = new Map<string, readonly string[]>();
  /** Every event up to here was reported to this hub's lanes, or that there is more. */
  #knownSeq = 0;
  #news = new CommitNews();
  #answers: StoreAnswer<CallName>[] = [];
  /** On their way, each with what is to be done once it and those before it are answered. */
  #statements: Promise<Apply>[] = [];
  /** No new events are taken by the group that runs. */
  #full: FullDisk | undefined;
  #readyHeads: { lane: KnownLane; seq: number; dueAtMs: number; call: number }[] = [];
  /** See KnownLanes. */
  uniqueIdsToSeq = 0;
  /** Where new events go, as far as whoever asks knows by the calls before. */
  receivers: readonly string[] = [];

  constructor(client: Client, { hub, bytesMax }: { readonly hub: string; readonly bytesMax: number }) {
    this.#client = client;
    this.#hub = hub;
    this.#lists = new Lists(this);
    this.#queries = new Queries(this);
    this.#statistics = new Statistics(this, bytesMax);
  }

  async open(): Promise<void> {
    const [[uniqueIdsToSeq] = [0]] = await this.rows<[number]>('journal', 'SELECT unique_ids_to_seq FROM journal', []);
    this.uniqueIdsToSeq = uniqueIdsToSeq;
    await this.#readLanes(true);
    const [[last] = [0]] = await this.rows<[number]>('newest_event', 'SELECT newest_seq()', []);
    this.#knownSeq = last;
    await this.#readReceivers();
  }

  /** The newest record of each lane that was reported, or was there when it was opened. */
  get positions(): ReadonlyMap<string, number> {
    const recorded = this.lanes.filter(({ position }) => position > 0);
    return new Map(recorded.map(({ id, position }) => [id, position]));
  }

  id(number: number): string {
    return this.lane(number).id;
  }

  ids(numbers: readonly number[]): readonly string[] {
    const text = numbers.join();
    const known = this.#idLists.get(text) ?? numbers.map((number) => this.id(number)).sort();
    this.#idLists.set(text, known);
    return known;
  }

  lane(number: number): KnownLane {
    const lane = this.#byNumber.get(number);
    if (lane === undefined) throw new UnknownLaneError(`a row names the unknown adapter number ${number}`);
    return lane;
  }

  /** Undefined when the journal does not know the adapter. */
  find(adapter: string): KnownLane | undefined {
    return this.#byId.get(adapter);
  }

  get lanes(): readonly KnownLane[] {
    return [...this.#byId.values()].sort((left, right) => (left.id < right.id ? -1 : 1));
  }

  /** The rows of a statement, as arrays. It is planned once for the session, under its name. */
  async rows<Row>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    const stored = values.map(storable);
    const result: QueryArrayResult = await this.#client.query({ name, text, values: stored, rowMode: 'array' });
    return result.rows as Row[];
  }

  /**
   * Runs calls in their order. A throw is the end of the session: whether those of the group took effect is then
   * unknown, and nothing may be tried again.
   */
  async run(calls: readonly Call[]): Promise<CommitReport> {
    const startedMs = performance.now();
    this.#answers = new Array(calls.length);
    // Before anything is sent, so that statements go in the order of the calls.
    this.#full = calls.some(({ name }) => name === 'accept') ? await this.#statistics.shortage() : undefined;
    const batch = new Batch();
    for (const [index, { name, request }] of calls.entries()) {
      if (CALLS[name] === 'reads') continue;
      if (name === 'accept') {
        if (batch.settles(request.event.key) || batch.bytes > BATCH_BYTES_MAX) await this.#flush(batch);
        batch.accept(index, request);
      } else if (name === 'record') {
        if (batch.records.length > 0 && !batch.fits(request)) await this.#flush(batch);
        batch.record(index, request);
      } else {
        this.#send(batch);
        // What it decides depends on what it reads: nothing else may be on its way.
        if (name === 'stepReplay') await this.#flush(batch);
        this.#start(this.#write(index, name, request as never));
        if (name === 'stepReplay') await this.#flush(batch);
      }
    }
    await this.#flush(batch);
    if (calls.some(({ name }) => CALLS[name] !== 'reads')) this.#statistics.committed(performance.now() - startedMs);
    for (const [index, { name, request }] of calls.entries()) {
      const does = CALLS[name];
      if (does === 'writes') continue;
      this.#start(this.#read(index, does === 'reads' ? name : does.writesThen, request as never));
    }
    await this.#finish();
    return this.#news.report(this.#answers);
  }

  /** Reports what other hubs wrote; `isMore`: not yet all of it. Not to be called while {@link run} is under way. */
  async look(): Promise<{ readonly report: CommitReport; readonly isMore: boolean; readonly hasCommands: boolean }> {
    const [row = [0, null, [], false]] = await this.rows<[number, number[] | null, number[], boolean]>(
      'newest',
      'SELECT seq, numbers, positions, has_commands FROM newest()',
      [],
    );
    const [seq, numbers, positions, hasCommands] = row;
    let isMore = false;
    this.#see(seq);
    for (const [place, number] of (numbers ?? []).entries()) {
      const lane = await this.#knowing(() => this.lane(number));
      if ((positions[place] as number) > lane.position) isMore = (await this.#reportRecords(lane)) || isMore;
    }
    return { report: this.#news.report([]), isMore, hasCommands };
  }

  /** Other hubs made something ready up to this seq, so every lane is to read. */
  #see(newestSeq: number): void {
    if (newestSeq <= this.#knownSeq) return;
    this.#knownSeq = newestSeq;
    for (const lane of this.#byNumber.values()) this.#news.more(lane);
  }

  /** Reports some of a lane's records that were not reported here yet. True when there are others. */
  async #reportRecords(lane: KnownLane, before = Number.MAX_SAFE_INTEGER): Promise<boolean> {
    const rows = await this.rows<RecordValues>(
      'records_since',
      `SELECT ${RECORD_VALUES} FROM record r JOIN event e ON e.seq = r.seq
        WHERE r.adapter = $1 AND r.position > $2 AND r.position < $3 ORDER BY r.position LIMIT ${RECORDS_MAX}`,
      [lane.number, lane.position, before],
    );
    for (const row of rows) {
      const record = recordFromValues(row, this);
      this.#news.record(record);
      lane.position = record.position;
    }
    return rows.length === RECORDS_MAX;
  }

  /** Reports all of them before a position. */
  async #catchUp(lane: KnownLane, before: number): Promise<void> {
    while (lane.position < before - 1 && (await this.#reportRecords(lane, before)));
    lane.position = Math.max(lane.position, before - 1);
  }

  /** Sends what was gathered. */
  #send(batch: Batch): void {
    const { accepts, records } = batch.take();
    if (accepts.length > 0) this.#start(this.#accept(accepts));
    if (records.length > 0) this.#start(this.#record(records));
  }

  /** Sends what was gathered, and reports what all that was sent made true. */
  async #flush(batch: Batch): Promise<void> {
    this.#send(batch);
    await this.#finish();
    await this.#reportReady();
  }

  #start(statement: Promise<Apply>): void {
    // Awaited later; one that fails before that is no unhandled rejection.
    statement.catch(() => undefined);
    this.#statements.push(statement);
  }

  async #finish(): Promise<void> {
    for (const statement of this.#statements.splice(0)) await (await statement)();
  }

  async #accept(asked: readonly Asked<'accept'>[]): Promise<Apply> {
    const full = this.#full;
    if (full !== undefined) return () => this.#answerKnown(asked, full);
    try {
      const row = await this.#insertEvents(asked.map(({ request }) => request));
      return () => this.#accepted(asked, row);
    } catch (error) {
      if ((error as { code?: string }).code !== DISK_FULL) throw error;
      return () => this.#answerKnown(asked, { kind: 'full', freeBytes: 0, reserveBytes: 0 });
    }
  }

  async #accepted(asked: readonly Asked<'accept'>[], row: AcceptRow): Promise<void> {
    const [firstSeq, seqBefore, fresh, laneNumbers, places, waiting] = row;
    const lanes = await this.#knowing(() => laneNumbers.map((number) => this.lane(number)));
    const held = new Map<number, string[]>();
    const behind = new Set<string>();
    for (const [item, number, isHeld] of waiting ?? []) {
      behind.add(`${item} ${number}`);
      if (isHeld === 1) held.set(item, [...(held.get(item) ?? []), this.id(number)]);
    }
    // Others may have made something ready before it, at any lane.
    this.#see(seqBefore);
    const adapters = this.ids(laneNumbers);
    const isAsKnown = adapters.join() === this.receivers.join();
    for (const item of fresh ?? []) {
      const { index } = asked[item - 1] as Asked<'accept'>;
      const seq = firstSeq + item - 1;
      const heldByKey = held.get(item)?.sort() ?? [];
      const isPlain = heldByKey.length === 0 && isAsKnown;
      this.#answers[index] = isPlain ? seq : { kind: 'held', seq, heldByKey, ...(!isAsKnown && { adapters }) };
      this.#news.call = index;
      for (const [place, lane] of lanes.entries()) {
        if (!behind.has(`${item} ${lane.number}`)) this.#news.accepted(lane, seq, places[place] as number);
      }
      this.#knownSeq = Math.max(this.#knownSeq, seq);
    }
    const isFresh = new Set(fresh);
    await this.#answerKnown(
      asked.filter((_, place) => !isFresh.has(place + 1)),
      undefined,
    );
  }

  async #insertEvents(requests: readonly AcceptRequest[]): Promise<AcceptRow> {
    const ends: number[] = [];
    let end = 0;
    for (const { event } of requests) {
      end += event.data.byteLength;
      ends.push(end);
    }
    const rows = await this.rows<AcceptRow>(
      'accept',
      `SELECT first_seq, seq_before, fresh, lanes, places, waiting
        FROM accept($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
      [
        this.#hub,
        requests.map(({ event }) => event.id),
        requests.map(({ event }) => event.source),
        requests.map(({ event }) => event.type),
        requests.map(({ event }) => event.key),
        requests.map(({ event }) => event.timeMs),
        requests.map(({ event }) => event.dataContentType),
        requests.map(({ event }) => JSON.stringify(event.attributes)),
        Buffer.concat(requests.map(({ contentHash }) => contentHash)),
        requests.map(({ acceptedAtMs }) => acceptedAtMs),
        requests.map(({ event }) => crc32(event.data)),
        requests.map(({ publishedBy }) => publishedBy),
        requests.map(({ nowMs }) => nowMs),
        Buffer.concat(requests.map(({ event }) => event.data)),
        ends,
      ],
    );
    return rows[0] as AcceptRow;
  }

  /** Events that are known; what is not is answered with the full disk. */
  async #answerKnown(asked: readonly Asked<'accept'>[], full: FullDisk | undefined): Promise<void> {
    if (asked.length === 0) return;
    const rows = await this.rows<KnownRow>(
      'known_events',
      `SELECT t.item::int, e.content_hash, (SELECT json_agg(json_build_object('adapter', n, 'position', coalesce(
          (SELECT min(position) - 1 FROM record r WHERE r.seq = e.seq AND r.adapter = n),
          (SELECT newest_position(lane) FROM lane WHERE number = n)))) FROM unnest(e.adapters) AS n), ${EVENT_VALUES}
        FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (id, source, item)
        JOIN event e ON e.id = t.id AND e.source = t.source`,
      [asked.map(({ request }) => request.event.id), asked.map(({ request }) => request.event.source)],
    );
    const known = new Map(rows.map((row) => [row[0], row]));
    const answers = await this.#knowing(() =>
      asked.map(({ request }, place) => this.#knownAnswer(known.get(place + 1), request, full)),
    );
    const deleted: Asked<'accept'>[] = [];
    for (const [place, answer] of answers.entries()) {
      const one = asked[place] as Asked<'accept'>;
      if (answer === undefined) deleted.push(one);
      else this.#answers[one.index] = answer;
    }
    if (deleted.length === 0) return;
    // Another hub deleted them meanwhile, past their time. What later calls made ready by now comes before them.
    for (const lane of this.lanes) this.#news.more(lane);
    await (await this.#accept(deleted))();
  }

  #knownAnswer(
    row: KnownRow | undefined,
    { contentHash }: AcceptRequest,
    full: FullDisk | undefined,
  ): StoreAccept | undefined {
    if (row === undefined) return full;
    const [, hash, positions, ...values] = row;
    if (Buffer.compare(hash, contentHash) !== 0) return { kind: 'conflict' };
    const event = eventFromValues(values as never as EventValues, this);
    return {
      kind: 'duplicate',
      event,
      before: new Map(
        (positions ?? [])
          .map(({ adapter, position }) => [this.id(adapter), position] as const)
          .sort(([left], [right]) => (left < right ? -1 : 1)),
      ),
    };
  }

  async #record(asked: readonly Asked<'record'>[]): Promise<Apply> {
    const numbers = asked.map(({ request }) => this.#byId.get(request.record.adapter)?.number ?? 0);
    const requests = asked.map(({ request }) => request);
    const all = <Value>(value: (request: RecordRequest) => Value) => requests.map(value);
    const news = await this.rows<News>(
      'record_outcomes',
      `SELECT (n).* FROM record_outcomes($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
        $19, $20, $21) AS n`,
      [
        this.#hub,
        numbers,
        all(({ epoch }) => epoch),
        all(({ record }) => record.seq),
        all(({ record }) => record.adapterVersion),
        all(({ record }) => stateCodes[record.state]),
        all(({ record }) => record.cycle),
        all(({ record }) => record.attempts),
        all(({ record }) => record.spent),
        all(({ record }) => record.crashes),
        all(({ record }) => record.atMs),
        all(({ record }) => record.nextAttemptAtMs),
        all(({ record: { attempt } }) => (attempt === undefined ? null : outcomeCodes[attempt.outcome])),
        all(({ record }) => record.attempt?.startedAtMs ?? null),
        all(({ record }) => record.attempt?.durationMs ?? null),
        all(({ record: { attempt } }) => (attempt === undefined ? null : attempt.receipt)),
        all(({ record: { attempt } }) => (attempt?.failure === undefined ? null : attempt.failure.code)),
        all(({ record: { attempt, reason } }) => {
          const message = attempt === undefined ? reason : attempt.failure?.message;
          return message === undefined ? null : message;
        }),
        all(({ nowMs }) => nowMs),
        all(({ dueAtMs }) => dueAtMs),
        all(({ notBeforeMs }) => notBeforeMs),
      ],
    );
    return () => this.#recorded(asked, { numbers, news });
  }

  async #recorded(
    asked: readonly Asked<'record'>[],
    { numbers, news }: { readonly numbers: readonly number[]; readonly news: readonly News[] },
  ): Promise<void> {
    const first = new Map<number, number>();
    const lost = new Map<number, Set<number>>();
    for (const [kind, adapter, seq, , position] of news) {
      if (kind === 'recorded') first.set(adapter, position);
      else if (kind === 'lost') lost.set(adapter, (lost.get(adapter) ?? new Set()).add(seq));
    }
    for (const [place, { index, request }] of asked.entries()) {
      const number = numbers[place] as number;
      const position = first.get(number);
      if (position === undefined || lost.get(number)?.has(request.epoch)) this.#answers[index] = LANE_LOST;
      else {
        this.#answers[index] = position;
        first.set(number, position + 1);
        // Other hubs recorded something before it: what they discarded, and what the owner before did.
        this.#news.call = index - 1;
        await this.#catchUp(this.lane(number), position);
        this.lane(number).position = position;
      }
    }
    await this.#report(news, asked.at(-1)?.index ?? 0);
  }

  /** What a function reported, in its order. */
  async #report(news: readonly News[], call: number): Promise<void> {
    this.#news.call = call;
    for (const [kind, number, seq, dueAtMs, position] of news) {
      if (kind === 'newest') {
        this.#see(seq);
        continue;
      }
      const lane = this.lane(number);
      switch (kind) {
        case 'ready':
          this.#readyHeads.push({ lane, seq, dueAtMs: dueAtMs as number, call });
          break;
        case 'due':
          this.#news.due(lane, dueAtMs as number);
          break;
        case 'lost':
          this.#news.lost(lane, seq);
          break;
        case 'withdrawn':
          this.#readyHeads = this.#readyHeads.filter((head) => head.lane !== lane || head.seq !== seq);
          this.#news.withdraw(lane, seq);
          break;
        case 'reopened':
          this.#news.reopened({ adapter: lane.id, seq, behindSeq: dueAtMs ?? undefined });
          break;
        case 'settled_unattempted':
          await this.#catchUp(lane, position + 1);
          break;
      }
    }
  }

  /** Reads the heads that became ready, which functions only name. */
  async #reportReady(): Promise<void> {
    const heads = this.#readyHeads.splice(0);
    if (heads.length === 0) return;
    const rows = await this.#heads(heads);
    const found = await this.#knowing(() =>
      rows.map(([number, isTooMuch, ...values]) => {
        return [this.lane(number as number), isTooMuch ? undefined : readyFromValues(values, this)] as const;
      }),
    );
    for (const [lane, delivery] of found) {
      if (delivery === undefined) this.#news.more(lane);
      else {
        const event = this.#news.event(delivery.event.seq, () => delivery.event);
        this.#news.ready(lane, () => ({ ...delivery, event }));
      }
    }
  }

  #heads(heads: readonly { readonly lane: KnownLane; readonly seq: number; readonly dueAtMs: number }[]) {
    return this.rows<readonly unknown[]>(
      'ready_heads',
      `SELECT * FROM (
        SELECT d.adapter, sum(octet_length(e.data)) OVER (ORDER BY t.item) - octet_length(e.data) >= $4, ${READY_VALUES}
        FROM unnest($1::int[], $2::bigint[], $3::float8[]) WITH ORDINALITY AS t (adapter, seq, due_at_ms, item)
        JOIN delivery d ON d.adapter = t.adapter AND d.seq = t.seq AND d.is_head AND d.due_at_ms = t.due_at_ms
        JOIN lane l ON l.number = d.adapter JOIN event e ON e.seq = d.seq ORDER BY t.item) AS found`,
      [
        heads.map(({ lane }) => lane.number),
        heads.map(({ seq }) => seq),
        heads.map(({ dueAtMs }) => dueAtMs),
        PAYLOAD_BYTES_MAX,
      ],
    );
  }

  async #write(index: number, name: CallName, request: never): Promise<Apply> {
    const apply = await this.#writes[name]?.(request, index);
    return async () => {
      this.#answers[index] = await apply?.();
    };
  }

  async #read(index: number, name: CallName, request: never): Promise<Apply> {
    const answer = (await this.#knowing(() => this.#reads[name]?.(request))) as StoreAnswer<CallName>;
    return () => {
      this.#answers[index] = answer;
    };
  }

  readonly #writes: {
    readonly [Name in CallName]?: (
      request: never,
      index: number,
    ) => Promise<() => StoreAnswer<Name> | Promise<StoreAnswer<Name>>>;
  } = {
    setReceivers: async (adapters: readonly string[]) => {
      await this.rows('set_receivers', 'SELECT set_receivers($1, $2)', [this.#hub, [...adapters]]);
      return async () => {
        await this.#readLanes();
        this.receivers = [...new Set(adapters)].sort();
      };
    },
    openLane: (request: OpenLaneRequest, index) => this.#openLane(request, index),
    giveBack: async ({ adapter, seq, nowMs }: { adapter: string; seq: number; nowMs: number }, index) => {
      const news = await this.rows<News>('give_back', 'SELECT (n).* FROM give_back($1, $2, $3) AS n', [
        adapter,
        seq,
        nowMs,
      ]);
      return async () => {
        await this.#report(news, index);
        return undefined;
      };
    },
    endWaits: async ({ adapter, nowMs }: { adapter: string; nowMs: number }) => {
      const [[ended] = [0]] = await this.rows<[number]>('end_waits', 'SELECT end_waits($1, $2)', [adapter, nowMs]);
      return () => {
        const lane = this.#byId.get(adapter);
        if (ended > 0 && lane !== undefined) this.#news.more(lane);
        return ended;
      };
    },
    discard: (request: DiscardRequest, index) => this.#discard(request, index),
    stepReplay: (request: ReplayStepRequest, index) => this.#stepReplay(request, index),
    saveBreaker: async ({ adapter, state, sinceMs, cause }: StoredBreaker) => {
      await this.rows(
        'save_breaker',
        'UPDATE lane SET breaker_state = $2, breaker_since_ms = $3, breaker_cause = $4 WHERE adapter = $1 AND coalesce(owner, $5) = $5',
        [adapter, state, sinceMs, cause, this.#hub],
      );
      return DONE;
    },
    saveLanePause: async ({ adapter, pause }: StoredPause) => {
      await this.rows(
        'save_pause',
        'UPDATE lane SET pause_reason = $2, pause_since_ms = $3 WHERE adapter = $1 AND coalesce(owner, $4) = $4',
        [adapter, pause === undefined ? null : pause.reason, pause?.sinceMs ?? null, this.#hub],
      );
      return DONE;
    },
    saveJob: async (job: ReplayJob) => {
      await this.rows('save_job', 'SELECT save_job($1, $2, $3, $4)', jobValues(job));
      return DONE;
    },
    prune: (request: PruneRequest) => this.#prune(request),
  };

  readonly #reads: { readonly [Name in CallName]?: (request: never) => Promise<StoreAnswer<Name>> } = {
    readReady: (request: ReadReadyRequest) => this.#queries.readReady(request),
    readHead: (request: ReadHeadRequest) => this.#queries.readHead(request),
    readEvent: (reference: EventReference) => this.#queries.readEvent(reference),
    readRecords: (request: ReadRecordsRequest) => this.#queries.readRecords(request),
    listDeliveries: (request) => this.#lists.page(request),
    countSome: (request) => this.#lists.count(request),
    readJobs: async () => {
      const rows = await this.rows<[string]>('jobs', 'SELECT content FROM replay_job ORDER BY created_at_ms, id', []);
      return rows.map(([content]) => JSON.parse(content) as ReplayJob);
    },
    readStatistics: (): Promise<JournalStatistics> => this.#statistics.read(),
  };

  async #openLane(request: OpenLaneRequest, index: number): Promise<() => Promise<OpenedLane>> {
    const { adapter, onDeadLetter, nowMs, longestWaitMs, epoch } = request;
    const news = await this.rows<News>('open_lane', 'SELECT (n).* FROM open_lane($1, $2, $3, $4, $5, $6) AS n', [
      this.#hub,
      adapter,
      onDeadLetter === 'hold',
      nowMs,
      longestWaitMs,
      epoch ?? null,
    ]);
    return () => this.#opened(request, news, index);
  }

  async #opened({ adapter, epoch }: OpenLaneRequest, news: readonly News[], index: number): Promise<OpenedLane> {
    // Another hub has it by now: the first record will say so.
    const [opened = ['lost', 0, epoch ?? 0] as const, ...rest] = news;
    if (!this.#byId.has(adapter)) await this.#readLanes();
    await this.#report(rest, index);
    const rows = await this.rows<[string | null, number, string | null, number, string]>(
      'lane_state',
      `SELECT pause_reason, pause_since_ms, breaker_state, breaker_since_ms, breaker_cause FROM lane WHERE adapter = $1`,
      [adapter],
    );
    const [pauseReason, pauseSinceMs, state, sinceMs, cause] = rows[0] as (typeof rows)[number];
    return {
      epoch: opened[2],
      breaker: state === null ? undefined : { adapter, state: state as StoredBreaker['state'], sinceMs, cause },
      pause: pauseReason === null ? undefined : { reason: pauseReason, sinceMs: pauseSinceMs },
    };
  }

  async #discard(
    { adapter, seq, atMs, nowMs, reason }: DiscardRequest,
    index: number,
  ): Promise<() => DiscardResult | Promise<DiscardResult>> {
    if (!this.#byId.has(adapter)) await this.#readLanes();
    if (!this.#byId.has(adapter)) return () => ({ kind: 'unknown' });
    const news = await this.rows<News>('discard', 'SELECT (n).* FROM discard($1, $2, $3, $4, $5, $6) AS n', [
      this.#hub,
      adapter,
      seq,
      atMs,
      nowMs,
      reason,
    ]);
    return () => this.#discarded(news, index);
  }

  async #discarded(news: readonly News[], index: number): Promise<DiscardResult> {
    const [first] = news;
    if (first?.[0] === 'elsewhere') return { kind: 'elsewhere' };
    if (first?.[0] === 'settled') {
      const state = first[1];
      return state < 0 ? { kind: 'unknown' } : { kind: 'settled', state: deliveryState(state) };
    }
    await this.#report(news, index);
    return { kind: 'discarded' };
  }

  async #stepReplay(
    request: ReplayStepRequest,
    index: number,
  ): Promise<() => ReplayStepResult | Promise<ReplayStepResult>> {
    const { job, bounds, atMs, nowMs } = request;
    for (;;) {
      const deadLetters = await this.#knowing(() => this.#lists.deadLettersAfter(job.filter, job.position));
      const reopened: (typeof deadLetters)[number][] = [];
      const newest = new Map(deadLetters.map((dead) => [`${dead.adapter} ${dead.key}`, dead.newestDeliveredSeq]));
      const result = runReplayStep(request, {
        deadLetters,
        newestDeliveredSeq: (adapter, key) => newest.get(`${adapter} ${key}`) ?? 0,
        reopen: (dead) => {
          const listed = dead as (typeof deadLetters)[number];
          reopened.push(listed);
          return listed.payloadBytes;
        },
      });
      if (bounds === undefined) return () => result;
      try {
        const news = await this.rows<News>(
          'reopen',
          'SELECT (n).* FROM reopen($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS n',
          [
            this.#hub,
            reopened.map(({ adapter }) => this.#byId.get(adapter)?.number),
            reopened.map(({ seq }) => seq),
            reopened.map(({ cycle }) => cycle),
            job.includeStale,
            atMs,
            nowMs,
            ...jobValues(result.job),
          ],
        );
        return async () => {
          await this.#report(news, index);
          return result;
        };
      } catch (error) {
        // Nothing of it took effect, and what is listed now is as it is now.
        if ((error as { code?: string }).code !== NOT_AS_LISTED) throw error;
      }
    }
  }

  async #prune({ settledBeforeMs, afterSeq = 0, maxEvents, maxRecords }: PruneRequest): Promise<() => PruneResult> {
    const rows = await this.rows<[number, number, number | null]>(
      'prune',
      'SELECT events, records, next_seq FROM prune($1, $2, $3, $4)',
      [settledBeforeMs, afterSeq, maxEvents, maxRecords],
    );
    const [events, records, next] = rows[0] as (typeof rows)[number];
    return () => ({ events, records, next: next ?? undefined });
  }

  /** Of a lane that was made since this journal was opened, every record that is kept is new. */
  async #readLanes(isOpening = false): Promise<void> {
    const rows = await this.rows<[number, string, number, number]>(
      'lanes',
      'SELECT number, adapter, newest_position(lane), pruned_to FROM lane',
      [],
    );
    for (const [number, id, newest, prunedTo] of rows) {
      if (this.#byNumber.has(number)) continue;
      const lane = { number, id, position: isOpening ? newest : prunedTo };
      this.#byNumber.set(number, lane);
      this.#byId.set(id, lane);
    }
  }

  /** What is made of rows, which may name lanes that another hub made just now. */
  async #knowing<Result>(make: () => Result): Promise<Awaited<Result>> {
    for (;;) {
      const known = this.#byNumber.size;
      try {
        return await make();
      } catch (error) {
        if (!(error instanceof UnknownLaneError)) throw error;
        await this.#readLanes();
        if (this.#byNumber.size === known) throw error;
      }
    }
  }

  async #readReceivers(): Promise<void> {
    const rows = await this.rows<[string]>('receivers', 'SELECT adapter FROM lane WHERE receives', []);
    this.receivers = rows.map(([id]) => id).sort();
  }
}

/** Another hub may have made the lane just now. */
class UnknownLaneError extends CorruptionError {}

/** Calls that go to the server as two statements: new events, then outcomes. */
class Batch {
  readonly accepts: Asked<'accept'>[] = [];
  readonly records: Asked<'record'>[] = [];
  /** Of the payloads. */
  bytes = 0;

  accept(index: number, request: AcceptRequest): void {
    this.accepts.push({ index, request });
    this.bytes += request.event.data.byteLength;
  }

  /** Keys, and deliveries and keys of each adapter, of which an outcome goes along. */
  readonly #settled = new Set<string>();

  record(index: number, request: RecordRequest): void {
    this.records.push({ index, request });
    for (const name of namesOf(request)) this.#settled.add(name);
    this.#settled.add(`key ${request.record.key}`);
  }

  /** True when an outcome of this key goes along: what comes after it may depend on it. */
  settles(key: string): boolean {
    return key !== '' && this.#settled.has(`key ${key}`);
  }

  /** False when another outcome of the same key, or of the same delivery, goes along. */
  fits(request: RecordRequest): boolean {
    return !namesOf(request).some((name) => this.#settled.has(name));
  }

  /** All of it; the batch is empty then. */
  take(): Pick<Batch, 'accepts' | 'records'> {
    this.bytes = 0;
    this.#settled.clear();
    return { accepts: this.accepts.splice(0), records: this.records.splice(0) };
  }
}

function namesOf({ record: { adapter, seq, key } }: RecordRequest): readonly string[] {
  return key === '' ? [`seq ${seq} ${adapter}`] : [`seq ${seq} ${adapter}`, `of ${adapter} ${key}`];
}

type AcceptRow = readonly [
  ...[firstSeq: number, seqBefore: number, fresh: number[] | null, lanes: number[], places: number[]],
  waiting: [item: number, lane: number, isHeld: number][] | null,
];

type KnownRow = readonly [
  ...[item: number, hash: Uint8Array, positions: { adapter: number; position: number }[] | null],
  ...EventValues,
];

function jobValues(job: ReplayJob): readonly [string, number, boolean, string] {
  return [job.id, job.createdAtMs, job.state === 'running', JSON.stringify(job)];
}
