import { isDeepStrictEqual } from 'node:util';
import type { Commit, JournalObserver, LaneNews } from '../../src/journal/journal.ts';
import { applyCall, type Written } from '../model/apply-call.ts';
import { type Changes, type JournalModel, noChanges, STALE } from '../model/model.ts';
import type { Trace } from '../trace.ts';

export interface CommitOracleOptions {
  readonly trace: Trace;
  /** What the hub knows of. */
  readonly reported: JournalModel;
}

/** Is notified of each commit before anybody in the hub does, and compares what is reported with what became true. */
export class CommitOracle implements JournalObserver {
  readonly #options: CommitOracleOptions;
  #expected: Changes = noChanges();
  /** Lanes that were opened in the commit: what is ready they read by themselves. */
  readonly #opened = new Set<string>();
  #isHeard = false;
  #hasEnded = false;

  constructor(options: CommitOracleOptions) {
    this.#options = options;
  }

  /** The next commit is about to be reported. */
  expect(written: readonly Written[]): void {
    this.#expected = noChanges();
    this.#opened.clear();
    this.#isHeard = false;
    for (const one of written) {
      applyCall(this.#options.reported, one, this.#expected);
      if (one.call.name === 'openLane') this.#opened.add(one.call.request.adapter);
    }
  }

  /** It was reported, unless it had nothing to report. */
  checkHeard(): void {
    if (!this.#isHeard) this.committed({ events: [], records: [], reopened: [], lanes: new Map() });
  }

  committed({ events, records, reopened, lanes }: Commit): void {
    const { trace, reported } = this.#options;
    const expected = this.#expected;
    this.#isHeard = true;
    for (const [adapter, { ready, isMore, nextDueAtMs, lostEpoch }] of lanes) {
      trace.note(
        () =>
          `reported to ${adapter}: ready ${ready.map(({ event }) => event.seq)}, more ${isMore}, next ${nextDueAtMs}, lost ${lostEpoch}`,
      );
    }
    const isEqual = (left: unknown, right: unknown) => isDeepStrictEqual(left, right);
    trace.must(
      isEqual(
        events.map(({ seq, adapters }) => [seq, adapters]),
        expected.events.map(({ seq, adapters }) => [seq, adapters]),
      ),
      'the events of a commit are reported in the order of acceptance',
    );
    const wordsOf = (all: Changes['records']) =>
      all.map(
        (one) =>
          `${one.adapter} ${one.position}: ${one.seq} ${one.state} ${one.cycle} ${one.attempts} ${one.spent} ${one.crashes}`,
      );
    const said = wordsOf([...records]);
    const known = wordsOf(expected.records);
    trace.must(isEqual(said, known), `the records of a commit are reported in their order: ${known}, not ${said}`);
    for (const [index, { reason }] of records.entries()) {
      const wanted = expected.records[index]?.reason;
      if (wanted === STALE) trace.meet('stale');
      trace.must(
        wanted === undefined || reason?.includes(wanted) === true,
        `a record says why: ${wanted}, not ${reason}`,
      );
    }
    const opened = reopened.map(({ adapter, seq, behindSeq }) => ({ adapter, seq, behindSeq }));
    trace.must(isEqual(opened, expected.reopened), 'what is open again is reported, and which it is behind');
    for (const adapter of reported.adapters) this.#checkNews(adapter, lanes.get(adapter) ?? NOTHING);
  }

  ended(): void {
    this.#options.trace.must(!this.#hasEnded, 'a journal that fails reports it once');
    this.#hasEnded = true;
  }

  #checkNews(adapter: string, { ready, isMore, nextDueAtMs, lostEpoch }: LaneNews): void {
    const { trace, reported } = this.#options;
    const isLost = lostEpoch > 0;
    trace.must(
      isLost === this.#expected.lost.includes(adapter),
      `the lane of ${adapter} is lost when somebody else opens it`,
    );
    let [dueAtMs, seq] = [Number.NEGATIVE_INFINITY, 0];
    for (const one of ready) {
      const known = reported.delivery(one.event.seq, adapter);
      const what = `event ${one.event.seq} at ${adapter}`;
      trace.must(known?.isHead === true, `${what} is reported as ready when it is a head`);
      const { cycle, attempts, spent, crashes } = one;
      const counts = [known?.cycle, known?.attempts, known?.spent, known?.crashes];
      trace.must(isDeepStrictEqual([cycle, attempts, spent, crashes], counts), `${what} is reported with its counts`);
      const isLater = one.dueAtMs > dueAtMs || (one.dueAtMs === dueAtMs && one.event.seq > seq);
      trace.must(isLater, `${what} is reported in its place`);
      [dueAtMs, seq] = [one.dueAtMs, one.event.seq];
    }
    if (isMore || isLost || this.#opened.has(adapter)) return;
    for (const head of this.#expected.heads) {
      const known = reported.delivery(head.seq, adapter);
      if (head.adapter !== adapter || known?.isHead !== true) continue;
      const isReported = ready.some(({ event }) => event.seq === head.seq);
      const isAnnounced = known.dueAtMs > 0 && nextDueAtMs <= known.dueAtMs;
      trace.must(
        isReported || isAnnounced,
        `event ${head.seq} at ${adapter} is a head, and its lane is notified of it`,
      );
    }
  }
}

const NOTHING: LaneNews = { ready: [], isMore: false, nextDueAtMs: Number.POSITIVE_INFINITY, lostEpoch: 0 };
