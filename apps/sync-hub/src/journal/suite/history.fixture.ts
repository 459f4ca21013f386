import { expect } from 'vitest';
import type { ReadyDelivery } from '../../core/delivery.ts';
import { nextRandom } from '../../core/random.ts';
import type { Session } from './place.fixture.ts';
import { sampleEvent, sampleJob, sampleRecord } from './samples.fixture.ts';

const KEYS = ['', 'x', 'x', 'y', 'z'];
const LANES = ['billing', 'records'] as const;

/**
 * One history of what publishers, lanes and operators do, played at journals at the same time: all of them are to answer
 * and to report the same.
 */
export class History {
  readonly #name: string;
  readonly #random: { seed: number };
  readonly #sessions: readonly Session[];
  #accepted = 0;
  #atMs = 1_790_000_100_000;

  /** @param name of this history, in the ids of its events */
  constructor(name: string, seed: number, sessions: readonly Session[]) {
    this.#name = name;
    this.#random = { seed };
    this.#sessions = sessions;
  }

  async play(steps: number): Promise<void> {
    for (let step = 0; step < steps; step++) await this.#step();
    await this.#check();
  }

  async #step(): Promise<void> {
    const acts = [this.#accept, this.#accept, this.#accept, this.#end, this.#end, this.#end, this.#several];
    const rare = [this.#discard, this.#replay, this.#giveBack, this.#endWaits, this.#openLane, this.#prune];
    await this.#pick(this.#below(4) === 0 ? rare : acts).call(this);
    const passedMs = this.#below(3) === 0 ? this.#below(40) : 0;
    for (const session of this.#sessions) session.nowMs += passedMs;
    this.#atMs += 1_000;
    for (const lane of LANES) await this.#ready(lane);
  }

  /** All that can be asked about what there is. */
  async #check(): Promise<void> {
    for (let number = 0; number < this.#accepted; number++) {
      await this.#same((session) => session.readEvent(`${this.#name}-${number}`));
    }
    const all = ['waiting', 'retrying', 'delivered', 'dead_lettered', 'discarded', 'skipped'] as const;
    for (const states of [[], ['dead_lettered'], all] as const) {
      for (const keys of [[], ['x']]) {
        await this.#same(({ journal }) => journal.listDeliveries({ filter: { states, keys }, limit: 1_000 }));
        await this.#same(({ journal }) => journal.countDeliveriesOf({ states, keys }));
      }
    }
    await this.#same(({ journal }) => journal.readRecords({ after: new Map(), limit: 10_000 }));
    await this.#same(async ({ journal }) => (await journal.readStatistics()).lanes);
    await this.#same(async ({ journal }) => await journal.readJobs());
  }

  async #accept(): Promise<void> {
    const id = `${this.#name}-${this.#accepted > 0 && this.#below(12) === 0 ? 0 : this.#accepted++}`;
    const event = sampleEvent(id, { key: this.#pick(KEYS) });
    const to = this.#below(4) === 0 ? ['billing'] : [...LANES];
    await this.#same((session) => session.accept(event, { to }));
  }

  /** In one commit, as far as the journal makes one of them. */
  async #several(): Promise<void> {
    const [lane, other] = LANES;
    const [one] = await this.#ready(lane);
    const [two] = await this.#ready(other);
    const first = sampleEvent(`${this.#name}-${this.#accepted++}`, { key: this.#pick(KEYS) });
    const second = sampleEvent(`${this.#name}-${this.#accepted++}`, { key: this.#pick(KEYS) });
    await this.#same((session) => {
      const { journal } = session;
      return Promise.all([
        session.accept(first),
        ...(one === undefined ? [] : [session.record(delivered(lane, one))]),
        ...(two === undefined ? [] : [session.record(delivered(other, two))]),
        session.accept(second),
        journal.readEvent({ id: first.id }),
      ]);
    });
  }

  async #end(): Promise<void> {
    const lane = this.#pick(LANES);
    const ready = await this.#ready(lane);
    if (ready.length === 0) return;
    const head = this.#pick(ready);
    const state = this.#pick(['delivered', 'delivered', 'retrying', 'dead_lettered', 'skipped'] as const);
    const wait = this.#below(60);
    await this.#same((session) => {
      const dueAtMs = state === 'retrying' ? session.nowMs + wait : 0;
      return session.record({ ...delivered(lane, head), state, atMs: this.#atMs }, { dueAtMs });
    });
  }

  async #discard(): Promise<void> {
    const adapter = this.#pick(LANES);
    const seq = 1 + this.#below(this.#accepted + 1);
    await this.#same(async (session) => {
      const { nowMs } = session;
      return session.journal.discard({ adapter, seq, atMs: this.#atMs, nowMs, reason: 'sent twice' });
    });
  }

  async #replay(): Promise<void> {
    const job = sampleJob({
      ...{
        id: `job-${this.#atMs}`,
        createdAtMs: this.#atMs,
        includeReplayed: true,
        includeStale: this.#below(2) === 0,
      },
      filter: this.#below(2) === 0 ? {} : { keys: ['x'] },
    });
    const limit = 1 + this.#below(5);
    await this.#same(({ journal, nowMs }) => {
      return journal.stepReplay({ job, atMs: this.#atMs, nowMs, bounds: { limit, limitBytes: 1e9 } });
    });
  }

  async #giveBack(): Promise<void> {
    const adapter = this.#pick(LANES);
    const [head] = await this.#ready(adapter);
    if (head === undefined) return;
    await this.#same(({ journal, nowMs }) => journal.giveBack({ adapter, seq: head.event.seq, nowMs }));
  }

  async #endWaits(): Promise<void> {
    const adapter = this.#pick(LANES);
    await this.#same(({ journal, nowMs }) => journal.endWaits({ adapter, nowMs }));
  }

  async #openLane(): Promise<void> {
    const adapter = this.#pick(LANES);
    const onDeadLetter = this.#pick(['continue', 'hold'] as const);
    await this.#same(async (session) => {
      const { breaker, pause } = await session.openLane(adapter, { onDeadLetter });
      return { breaker, pause };
    });
  }

  async #prune(): Promise<void> {
    const settledBeforeMs = this.#atMs - this.#below(40_000);
    await this.#same(({ journal }) => journal.prune({ settledBeforeMs, maxEvents: 20, maxRecords: 20 }));
  }

  #ready(adapter: string): Promise<readonly ReadyDelivery[]> {
    return this.#same(({ journal, nowMs }) => {
      return journal
        .readReady({ adapter, nowMs, limit: 1_000, limitBytes: 1e9 })
        .then(({ deliveries }) => bySeq(deliveries));
    });
  }

  /** All answer the same, and have reported the same by then. */
  async #same<Answer>(ask: (session: Session) => Promise<Answer>): Promise<Answer> {
    const [first, ...others] = await Promise.all(this.#sessions.map(ask));
    for (const answer of others) expect(comparable(answer)).toEqual(comparable(first));
    const [reported, ...alsoReported] = this.#sessions.map((session) => ({
      ...{ events: session.events, records: byLane(session.records), reopened: session.reopened },
      ready: LANES.map((lane) => bySeq(session.reported(lane))),
    }));
    for (const report of alsoReported) expect(comparable(report)).toEqual(comparable(reported));
    for (const { commits } of this.#sessions) commits.length = 0;
    return first as Answer;
  }

  #below(limit: number): number {
    return Math.floor(nextRandom(this.#random) * limit);
  }

  #pick<Value>(values: readonly Value[]): Value {
    return values[this.#below(values.length)] as Value;
  }
}

function delivered(adapter: string, { event, cycle, attempts, spent }: ReadyDelivery) {
  return sampleRecord(event, { adapter, cycle, attempts: attempts + 1, spent: spent + 1 });
}

/** Requests of one commit that do not concern each other may become ready in another order: the suite checks orders. */
function bySeq(ready: readonly ReadyDelivery[]): readonly ReadyDelivery[] {
  return ready.toSorted((left, right) => left.event.seq - right.event.seq);
}

function byLane(records: Session['records']) {
  return LANES.map((lane) => records.filter(({ adapter }) => adapter === lane));
}

/** Places within a microsecond are the same: the order of what became ready at one time is compared by itself. */
function comparable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value ?? null, (key, part) => {
      if (key === 'dueAtMs' || key === 'sinceMs') return Math.floor(part);
      if (key === 'data') return String(part);
      if (part instanceof Map) return [...part];
      return part;
    }),
  );
}
