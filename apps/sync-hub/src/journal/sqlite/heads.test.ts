import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { expect, it } from 'vitest';
import { nextRandom } from '../../core/random.ts';
import type { Call, CommitReport } from '../calls.ts';
import { checkEvents, checkRecords, headProblems } from '../integrity/check-rows.ts';
import { sampleAccept, sampleEvent, sampleJob, sampleRecord } from '../suite/samples.fixture.ts';
import type { Disk } from './disk.ts';
import { migrate } from './schema.ts';
import { Store } from './store.ts';

const STEPS = 60_000;
const adapter = 'billing';
const KEYS = ['', 'x', 'y', 'z'];
const LONGEST_WAIT_MS = 5_000;
const noDisk: Disk = {
  shortage: () => undefined,
  full: () => ({ kind: 'full', freeBytes: 0, reserveBytes: 0 }),
  sizeBytes: () => 0,
};

/** A delivery as the file has it. */
interface Row {
  readonly seq: number;
  readonly key: string;
  readonly state: number;
  readonly is_head: number;
  readonly may_follow: number;
  readonly due_at_ms: number;
  readonly cycle: number;
  readonly attempts: number;
}

/** A delivery that was handed to the lane. */
interface Handed extends Pick<Row, 'seq' | 'key' | 'cycle' | 'attempts'> {
  readonly mayHaveRun: boolean;
}

/**
 * A lane that does what a lane may do, in any order, a publisher and an operator beside it, and a store that commits
 * some of what they ask at a time, is killed, and is opened again. After each commit the rule is checked in the file.
 */
class Model {
  readonly #random: { seed: number };
  readonly #database = new DatabaseSync(':memory:');
  readonly #selects = new Map<string, StatementSync>();
  #store: Store;
  #calls: Call[] = [];
  #nowMs = 1_790_000_000_000;
  #epoch = 0;
  #holds = false;
  #accepted = 0;
  /** Handed out, and not started. */
  readonly #prefetch = new Map<number, Handed>();
  readonly #running = new Map<number, Handed>();
  /** Ended, and the outcome is not reported. */
  readonly #recording = new Set<number>();
  /** Attempts of them had begun when a process was killed, and no outcome was recorded since. */
  readonly #suspects = new Set<number>();
  /** Of those the retries that a clock set back may have made look as if they were not due. */
  readonly #setBack = new Set<number>();
  /** Were ready when some process was killed, and no outcome was recorded since. */
  readonly #wereReady = new Set<number>();
  readonly #newestDelivered = new Map<string, number>();
  #lastPlace = { dueAtMs: 0, seq: 0 };
  readonly counts: Record<string, number> = {};

  constructor(seed: number) {
    this.#random = { seed };
    migrate(this.#database, 0);
    this.#store = this.#open('continue');
  }

  step(): void {
    const acts = [this.#accept, this.#read, this.#start, this.#start, this.#end, this.#end, this.#giveBack];
    const rare = [this.#replay, this.#replay, this.#replay, this.#discard, this.#discard, this.#endWaits, this.#kill];
    this.#pick(this.#below(6) === 0 ? rare : acts).call(this);
    if (this.#below(3) === 0) this.#nowMs += this.#below(40);
    if (this.#below(3) > 0) this.#commit();
  }

  /** Where nothing is held, everything that is open is delivered in the end. */
  drain(): void {
    this.#restart('continue', this.#nowMs);
    for (let round = 0; round < 1_000 && this.#rows('adapter = 1 AND state < 2').length > 0; round++) {
      this.#nowMs += LONGEST_WAIT_MS;
      this.#read();
      this.#commit();
      for (const seq of [...this.#prefetch.keys()]) this.#begin(seq);
      for (const handed of [...this.#running.values()]) this.#record(handed, 'delivered');
      this.#commit();
    }
    expect(this.#rows('adapter = 1 AND state < 2')).toEqual([]);
    this.#checkIntegrity();
  }

  #accept(): void {
    if (this.#rows('adapter = 1 AND state < 2').length > 60) return;
    const event = sampleEvent(`event-${this.#accepted++}`, { key: this.#pick(KEYS) });
    this.#calls.push({ name: 'accept', request: { ...sampleAccept(event, { nowMs: this.#nowMs }) } });
  }

  #read(): void {
    const request = { adapter, nowMs: this.#nowMs, limit: 1 + this.#below(80), limitBytes: 1e9 };
    this.#calls.push({ name: 'readReady', request });
  }

  #start(): void {
    const seqs = [...this.#prefetch.keys()];
    if (seqs.length > 0) this.#begin(this.#pick(seqs));
  }

  #begin(seq: number): void {
    const handed = this.#prefetch.get(seq);
    if (handed === undefined) return;
    this.#prefetch.delete(seq);
    this.#count('attempts');
    const { key } = handed;
    const [row] = this.#rows('seq = ?', seq);
    expect(row, 'what is sent is the head of its key').toMatchObject({ is_head: 1 });
    if (key !== '') {
      for (const other of this.#running.values()) expect(other.key, `${seq} beside ${other.seq}`).not.toBe(key);
      const isStale = (this.#newestDelivered.get(key) ?? 0) > seq;
      if (isStale) expect(row, `${seq} after ${this.#newestDelivered.get(key)}`).toMatchObject({ may_follow: 1 });
      if (isStale) this.#count('followed');
      const newer = this.#rows("adapter = 1 AND state < 2 AND key = ? AND key <> ''", key).filter(
        (other) => other.seq > seq,
      );
      const mayFollow = newer.some((other) => this.#suspects.has(other.seq) && !this.#setBack.has(other.seq));
      if (mayFollow) expect(row, `${seq} after one that may have run`).toMatchObject({ may_follow: 1 });
    }
    if (this.#suspects.has(seq)) expect(handed.mayHaveRun || handed.attempts > 0, `${seq} may have run`).toBe(true);
    if (handed.mayHaveRun && handed.attempts === 0) expect(this.#wereReady, `${seq} was ready before`).toContain(seq);
    if (handed.mayHaveRun) this.#count('suspects');
    this.#running.set(seq, handed);
  }

  #end(): void {
    const running = [...this.#running.values()];
    if (running.length === 0) return;
    this.#record(
      this.#pick(running),
      this.#pick(['delivered', 'delivered', 'retrying', 'dead_lettered', 'dead_lettered']),
    );
  }

  #record(handed: Handed, state: 'delivered' | 'retrying' | 'dead_lettered'): void {
    const { seq, cycle } = handed;
    this.#running.delete(seq);
    this.#recording.add(seq);
    const [nowMs, dueAtMs] = [this.#nowMs, state === 'retrying' ? this.#nowMs + this.#below(60) : 0];
    const id = String(this.#database.prepare('SELECT id FROM event WHERE seq = ?').get(seq)?.id);
    const record = sampleRecord({ seq, id }, { state, cycle, attempts: handed.attempts + 1 });
    this.#calls.push({ name: 'record', request: { record, epoch: this.#epoch, nowMs, dueAtMs, notBeforeMs: 0 } });
  }

  /** Only what is not started is given back. */
  #giveBack(): void {
    const seqs = [...this.#prefetch.keys()];
    if (seqs.length === 0) return;
    const seq = this.#pick(seqs);
    this.#prefetch.delete(seq);
    this.#calls.push({ name: 'giveBack', request: { adapter, seq, nowMs: this.#nowMs } });
  }

  #replay(): void {
    const [includeStale, limit] = [this.#below(4) === 0, 1 + this.#below(3)];
    const job = sampleJob({ includeStale, includeReplayed: true });
    const times = { atMs: this.#nowMs, nowMs: this.#nowMs };
    this.#calls.push({ name: 'stepReplay', request: { job, bounds: { limit, limitBytes: 1e9 }, ...times } });
  }

  /** As a lane does: nothing that an attempt is made of. */
  #discard(): void {
    const idle = this.#rows('(adapter = 1 AND state < 2) OR (adapter = 1 AND state = 4)').filter(
      ({ seq }) => !this.#running.has(seq),
    );
    if (idle.length === 0) return;
    const { seq } = this.#pick(idle);
    this.#prefetch.delete(seq);
    const times = { atMs: this.#nowMs, nowMs: this.#nowMs };
    this.#calls.push({ name: 'discard', request: { adapter, seq, ...times, reason: 'known' } });
  }

  #endWaits(): void {
    this.#calls.push({ name: 'endWaits', request: { adapter, nowMs: this.#nowMs } });
  }

  /** The end of the process: what it asked last is on disk or not, and what was committed last it may not have heard. */
  #kill(): void {
    if (this.#below(10) > 0) return;
    const written = this.#calls.splice(0, this.#below(this.#calls.length + 1));
    if (written.length > 0) this.#onDisk(this.#store.run(written), written);
    this.#calls = [];
    this.#checkIntegrity();
    const nowMs = this.#nowMs + (this.#below(4) === 0 ? -this.#below(2_000) : this.#below(100));
    this.#restart(this.#below(2) === 0 ? 'hold' : 'continue', nowMs);
    this.#count('kills');
  }

  #restart(onDeadLetter: 'hold' | 'continue', nowMs: number): void {
    const untilMs = Math.max(nowMs, this.#nowMs + 1);
    const ready = this.#rows('adapter = 1 AND is_head = 1 AND due_at_ms <= ?', untilMs);
    for (const { seq } of ready) this.#wereReady.add(seq);
    const retrying = this.#rows('adapter = 1 AND state < 2').filter(({ state }) => state === 1);
    if (nowMs < this.#nowMs) for (const { seq } of retrying) this.#setBack.add(seq);
    this.#nowMs = nowMs;
    this.#store = this.#open(onDeadLetter);
  }

  #open(onDeadLetter: 'hold' | 'continue'): Store {
    for (const seq of [...this.#running.keys(), ...this.#recording]) this.#suspects.add(seq);
    this.#prefetch.clear();
    this.#running.clear();
    this.#recording.clear();
    this.#lastPlace = { dueAtMs: 0, seq: 0 };
    this.#holds = onDeadLetter === 'hold';
    const store = new Store(this.#database, noDisk);
    const before = store.positions.get(adapter) ?? 0;
    const opening = { adapter, onDeadLetter, nowMs: this.#nowMs, longestWaitMs: LONGEST_WAIT_MS };
    const report = store.run([
      { name: 'setReceivers', request: [adapter] },
      { name: 'openLane', request: opening },
    ]);
    this.#epoch = (report.answers[1] as { epoch: number }).epoch;
    this.#onDisk(report);
    expect(before + report.records.length).toBe(store.positions.get(adapter) ?? 0);
    return store;
  }

  #commit(): void {
    const calls = this.#calls;
    if (calls.length === 0) return;
    this.#calls = [];
    const report = this.#store.run(calls);
    for (const { name } of calls) this.#count(name);
    this.#onDisk(report, calls);
    for (const [index, { name }] of calls.entries()) {
      if (name !== 'readReady') continue;
      const { deliveries } = report.answers[index] as { deliveries: CommitReport['lanes'][number]['heads'] };
      // What was asked after it is newer than the answer.
      const later = calls.slice(index).flatMap((call) => (call.name === 'record' ? call.request.record.seq : []));
      const current = deliveries.filter(({ event }) => !later.includes(event.seq));
      for (const delivery of current) this.#hand({ ...delivery, ...delivery.event });
    }
    const [news] = report.lanes;
    let head = 0;
    for (let place = 0; place < (news?.ready.length ?? 0); place += 2) {
      const [call, dueAtMs] = [news?.ready[place] as number, news?.ready[place + 1] as number];
      const delivery = call === -1 ? news?.heads[head++] : undefined;
      const seq = delivery?.event.seq ?? (report.answers[call] as number);
      const isBehind =
        dueAtMs > this.#lastPlace.dueAtMs || (dueAtMs === this.#lastPlace.dueAtMs && seq > this.#lastPlace.seq);
      expect(isBehind, `the place of ${seq} is behind the one before`).toBe(true);
      this.#lastPlace = { dueAtMs, seq };
      const [row] = this.#rows('seq = ?', seq);
      this.#hand(delivery ? { ...delivery, ...delivery.event } : { ...(row as Row), mayHaveRun: false });
    }
    for (const { behindSeq } of report.reopened) {
      if (behindSeq === undefined) continue;
      this.#count('replayed in front');
      if (this.#prefetch.delete(behindSeq)) {
        this.#calls.push({ name: 'giveBack', request: { adapter, seq: behindSeq, nowMs: this.#nowMs } });
      }
    }
  }

  #hand(handed: Handed): void {
    const { seq } = handed;
    // An answer may be older than what was asked after it.
    const [row] = this.#rows('seq = ?', seq);
    const isAsked = this.#calls.some(({ name, request }) => name === 'giveBack' && request.seq === seq);
    if (row?.is_head === 1 && !isAsked && !this.#running.has(seq) && !this.#recording.has(seq)) {
      this.#prefetch.set(seq, handed);
    }
  }

  /** What is true from here on, whoever is notified of it; and whether the rule holds. */
  #onDisk(report: CommitReport, calls: readonly Call[] = []): void {
    for (const call of calls) if (call.name === 'record') this.#recorded(call.request.record.seq);
    for (const { record } of report.records) this.#recorded(record.seq);
    this.#checkRule();
    const [only] = calls;
    if (calls.length === 1 && only?.name === 'record') this.#checkOldest(only.request.record.seq);
  }

  #recorded(seq: number): void {
    this.#recording.delete(seq);
    this.#suspects.delete(seq);
    this.#setBack.delete(seq);
    this.#wereReady.delete(seq);
    this.#prefetch.delete(seq);
    const [row] = this.#rows('seq = ?', seq);
    if (row?.state !== 2 || row.key === '') return;
    this.#newestDelivered.set(row.key, Math.max(seq, this.#newestDelivered.get(row.key) ?? 0));
  }

  #checkRule(): void {
    const heads = this.#rows('adapter = 1 AND is_head = 1');
    const open = this.#rows('adapter = 1 AND state < 2');
    expect(
      heads.filter(({ state }) => state >= 2),
      'heads are open',
    ).toEqual([]);
    for (const row of open) if (row.key === '') expect(row.is_head, `${row.seq} has no key`).toBe(1);
    for (const key of KEYS.slice(1)) {
      const ofKey = open.filter((row) => row.key === key);
      const [oldest] = ofKey;
      const [head, ...others] = ofKey.filter((row) => row.is_head === 1);
      expect(others, `one head of ${key}`).toEqual([]);
      const [dead] = this.#rows("adapter = 1 AND state = 4 AND key = ? AND key <> ''", key);
      const isHeld = this.#holds && dead !== undefined && oldest !== undefined && dead.seq < oldest.seq;
      expect(head !== undefined, `a head of ${key}`).toBe(oldest !== undefined && !isHeld);
      if (this.#holds && dead !== undefined && head !== undefined) expect(head.seq).toBeLessThan(dead.seq);
    }
  }

  /** What `hms-sync journal verify` checks, of rows and of heads, is so. */
  #checkIntegrity(): void {
    const database = this.#database;
    const problems = [...checkEvents(database, 200), ...checkRecords(database, 200), headProblems(database, 9)];
    expect(problems.flat()).toEqual([]);
  }

  /** After an outcome the head is the oldest open one. */
  #checkOldest(seq: number): void {
    const [row] = this.#rows('seq = ?', seq);
    const open = this.#rows("adapter = 1 AND state < 2 AND key = ? AND key <> ''", row?.key ?? '');
    const head = open.find(({ is_head: isHead }) => isHead === 1);
    if (row?.key !== '' && head !== undefined) expect(open[0]).toEqual(head);
  }

  #rows(condition: string, ...values: (string | number)[]): readonly Row[] {
    const known = this.#selects.get(condition);
    const statement = known ?? this.#database.prepare(`SELECT * FROM delivery WHERE ${condition} ORDER BY seq`);
    this.#selects.set(condition, statement);
    return statement.all(...values) as unknown as Row[];
  }

  #count(what: string): void {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  #below(bound: number): number {
    return Math.floor(nextRandom(this.#random) * bound);
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)] as Value;
  }
}

it('keeps one head for each key, in order, whatever a lane, operators and kills do', () => {
  const model = new Model(Number(process.env.HMS_SYNC_SEED ?? 1));
  for (let step = 0; step < STEPS; step++) model.step();
  model.drain();
  for (const what of ['attempts', 'followed', 'suspects', 'replayed in front', 'kills', 'giveBack', 'discard']) {
    expect(model.counts[what], what).toBeGreaterThan(50);
  }
}, 240_000);
