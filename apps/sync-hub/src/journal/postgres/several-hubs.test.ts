import { useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { ReadyDelivery, ReadyPlace } from '../../core/delivery.ts';
import type { SharedJournal } from '../cluster-journal.ts';
import type { LaneNews } from '../journal.ts';
import { Session } from '../suite/place.fixture.ts';
import {
  deadLettered,
  NOW_MS,
  replayAll,
  retrying,
  sampleEvent,
  sampleJob,
  sampleRecord,
} from '../suite/samples.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

/** A hub with its journal, and what a lane of it has read so far, as core/supply.ts reads. */
class Hub extends Session {
  readonly shared: SharedJournal;
  readonly got: string[] = [];
  #place: ReadyPlace | undefined;
  #isMore = true;
  #nextDueAtMs = Number.POSITIVE_INFINITY;

  constructor(shared: SharedJournal) {
    super(shared);
    this.shared = shared;
    shared.subscribe({ committed: ({ lanes }) => this.#hear(lanes.get('billing')), ended: () => undefined });
  }

  static async open(url: string, name: string): Promise<Hub> {
    const shared = await openPostgresJournal({ url });
    onTestFinished(() => shared.close());
    const hub = new Hub(shared);
    await shared.hubs.join({ name, version: '1.0.0' });
    return hub;
  }

  /** What the lane of billing got by now: reads when more was reported. */
  async read(): Promise<readonly string[]> {
    if (this.#nextDueAtMs <= this.nowMs) this.#isMore = true;
    while (this.#isMore) {
      this.#isMore = false;
      const after = this.#place;
      const { nowMs } = this;
      const page = await this.journal.readReady({ adapter: 'billing', after, nowMs, limit: 100, limitBytes: 1e9 });
      for (const delivery of page.deliveries) this.#take(delivery);
      this.#isMore ||= !page.isEnd;
      if (page.isEnd) this.#nextDueAtMs = page.nextDueAtMs;
    }
    return this.got;
  }

  #hear(news: LaneNews | undefined): void {
    if (news === undefined) return;
    this.#nextDueAtMs = Math.min(this.#nextDueAtMs, news.nextDueAtMs);
    for (const delivery of news.ready) {
      if (this.#isMore || this.#nextDueAtMs <= delivery.dueAtMs) this.#isMore = true;
      else this.#take(delivery);
    }
    this.#isMore ||= news.isMore;
  }

  #take({ dueAtMs, event }: ReadyDelivery): void {
    this.#place = { dueAtMs, seq: event.seq };
    if (!this.got.includes(event.id)) this.got.push(event.id);
  }
}

/** `owner` has the lane of billing, and saw all that was there. */
async function twoHubs() {
  const url = await useDatabase();
  const owner = await Hub.open(url, 'a');
  const other = await Hub.open(url, 'b');
  await owner.journal.setReceivers(['billing']);
  await owner.openLane('billing', { onDeadLetter: 'hold' });
  await owner.read();
  return { url, owner, other };
}

const unkeyed = (id: string) => sampleEvent(id, { key: '' });

async function acceptAt(hub: Hub, id: string, key = '') {
  return hub.acceptNew(sampleEvent(id, { key }), { to: ['billing'] });
}

describe('what another hub made ready is handed out', () => {
  it('after an outcome of the owner made something ready behind it', async () => {
    const { owner, other } = await twoHubs();
    const first = await acceptAt(owner, 'x1', 'x');
    await acceptAt(owner, 'x2', 'x');
    await owner.read();
    await other.journal.accept(acceptOf('foreign'));
    await owner.record(sampleRecord(first, { key: 'x' }));
    await eventually(async () => expect(await owner.read()).toContain('foreign'));
  });

  it('after the owner accepted one that is not ready, by a clock that was set back', async () => {
    const { owner, other } = await twoHubs();
    await acceptAt(owner, 'x1', 'x');
    await owner.read();
    owner.nowMs -= 10_000;
    await other.journal.accept(acceptOf('foreign'));
    await owner.journal.accept(acceptOf('x2', 'x'));
    await eventually(async () => expect(await owner.read()).toContain('foreign'));
  });

  it('after a retry whose due time is between two microseconds', async () => {
    const { owner, other } = await twoHubs();
    for (let fraction = 0; fraction < 8; fraction++) {
      const first = await acceptAt(owner, `first-${fraction}`);
      await owner.read();
      const dueAtMs = owner.nowMs + 1_000 + fraction / 4_096;
      await owner.record(retrying(first, { key: '' }), { dueAtMs });
      owner.nowMs += 2_000;
      await owner.read();
      await acceptAt(other, `foreign-${fraction}`);
      await eventually(async () => expect(await owner.read()).toContain(`foreign-${fraction}`));
    }
  });

  it('when it replayed a dead letter, and the owner made something ready behind it', async () => {
    const { owner, other } = await twoHubs();
    const dead = await acceptAt(owner, 'dead');
    const first = await acceptAt(owner, 'x1', 'x');
    await acceptAt(owner, 'x2', 'x');
    await owner.read();
    await owner.record(deadLettered(dead, { key: '' }));
    await owner.read();
    owner.got.length = 0;
    await replayAll(other.journal, {});
    await owner.record(sampleRecord(first, { key: 'x' }));
    await eventually(async () => expect(await owner.read()).toContain('dead'));
  });

  it('when it discarded the dead letter that held a retry', async () => {
    const { owner, other } = await twoHubs();
    const first = await acceptAt(owner, 'x1', 'x');
    await acceptAt(owner, 'x2', 'x');
    await owner.record(retrying(first, { key: 'x' }), { dueAtMs: owner.nowMs + 5_000 });
    await owner.openLane('billing', { onDeadLetter: 'continue' });
    await owner.record(deadLettered(first, { key: 'x' }));
    const [second] = await owner.readReady();
    await owner.record(retrying(second?.event as NonNullable<typeof second>['event']), {
      dueAtMs: owner.nowMs + 5_000,
    });
    await owner.openLane('billing', { onDeadLetter: 'hold' });
    await owner.read();
    owner.got.length = 0;
    await owner.shared.hubs.leave();
    const request = { adapter: 'billing', seq: first.seq, atMs: 1, nowMs: owner.nowMs, reason: 'Dana' };
    expect(await other.journal.discard(request)).toEqual({ kind: 'discarded' });
    owner.nowMs += 10_000;
    await eventually(async () => expect(await owner.read()).toEqual(['x2']));
  });

  it('by a clock that is a day ahead: what is retried after it waits no longer', async () => {
    const { owner, other } = await twoHubs();
    const dead = await acceptAt(owner, 'dead');
    const first = await acceptAt(owner, 'first');
    await owner.record(deadLettered(dead, { key: '' }));
    await owner.read();
    const bounds = { limit: 10, limitBytes: 1e9 };
    await other.journal.stepReplay({ job: sampleJob(), atMs: 5_000, nowMs: NOW_MS + 86_400_000, bounds });
    await owner.read();
    await owner.record(retrying(first, { key: '' }), { dueAtMs: owner.nowMs + 1_000 });
    owner.nowMs += 2_000;
    owner.got.length = 0;
    await eventually(async () => expect(await owner.read()).toContain('first'));
  });
});

describe('records of several hubs in one lane', () => {
  it('are reported by each, in their order, also those of a hub that does not own it', async () => {
    const { owner, other } = await twoHubs();
    const events = [];
    for (const id of ['a', 'b', 'c', 'd']) events.push(await acceptAt(owner, id));
    const [a, b, c, d] = events as [(typeof events)[0], (typeof events)[0], (typeof events)[0], (typeof events)[0]];
    await owner.record(deadLettered(a, { key: '' }));
    await owner.record(sampleRecord(b, { key: '' }));
    // As if its hub were gone.
    await owner.shared.hubs.leave();
    const request = { adapter: 'billing', atMs: 1, nowMs: NOW_MS, reason: 'Dana' };
    await other.journal.discard({ ...request, seq: a.seq });
    await other.journal.discard({ ...request, seq: c.seq });
    await owner.record(sampleRecord(d, { key: '' }));
    for (const hub of [owner, other]) {
      await eventually(() => expect(hub.records.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5]));
    }
  });

  it('are reported of a lane that was made after the journal was opened', async () => {
    const { owner, other } = await twoHubs();
    await other.journal.setReceivers(['billing', 'crm']);
    await other.openLane('crm');
    const [event] = [await other.acceptNew(unkeyed('a'), { to: ['billing', 'crm'] })];
    await other.record(sampleRecord(event, { key: '', adapter: 'crm' }));
    await eventually(() => expect(owner.records.map(({ adapter }) => adapter)).toEqual(['crm']));
  });

  it('are all reported when the lane is taken over', async () => {
    const { owner, other } = await twoHubs();
    const accepted = await Promise.all(
      Array.from({ length: 2_500 }, (_, number) => owner.journal.accept(acceptOf(`e${number}`))),
    );
    await Promise.all(
      accepted.map((result) => result.kind === 'accepted' && owner.record(sampleRecord(result.event, { key: '' }))),
    );
    await other.openLane('billing');
    await eventually(() => expect(other.records.map(({ position }) => position)).toHaveLength(2_500));
  });
});

/** Hubs look every 250 ms, on a machine that may be busy. */
function eventually(check: () => unknown): Promise<unknown> {
  return vi.waitFor(check, { timeout: 20_000 });
}

function acceptOf(id: string, key = '') {
  return {
    event: sampleEvent(id, { key }),
    contentHash: new Uint8Array(32),
    publishedBy: '',
    acceptedAtMs: NOW_MS,
    nowMs: NOW_MS,
  };
}

it('reads an event of an adapter that only another hub knew', async () => {
  const { owner, other } = await twoHubs();
  await other.journal.setReceivers(['billing', 'crm']);
  const result = await other.journal.accept(acceptOf('new'));
  expect(result.kind).toBe('accepted');
  // In one group with the read, so that nothing else looks before.
  expect((await owner.journal.readEvent({ id: 'new' })).kind).toBe('found');
  expect(owner.ended).toEqual([]);
});

it('names to each event of one group the adapters that received it', async () => {
  const { owner } = await twoHubs();
  const { journal } = owner;
  const answers = await Promise.all([
    journal.accept(acceptOf('one')),
    journal.setReceivers(['billing', 'records']),
    journal.accept(acceptOf('two')),
  ]);
  expect(answers[0]).toMatchObject({ event: { adapters: ['billing'] } });
  expect(answers[2]).toMatchObject({ event: { adapters: ['billing', 'records'] } });
});

it('lives in a schema whose name is a word of SQL, too', async () => {
  const url = `${await useDatabase()}?schema=user`;
  const hub = await Hub.open(url, 'a');
  await hub.acceptNew(unkeyed('a'), { to: ['billing'] });
  expect(hub.ended).toEqual([]);
});

it('accepts an event as new that another hub deleted just when it was found to be known', async () => {
  const { owner, other } = await twoHubs();
  const old = await acceptAt(owner, 'old');
  await acceptAt(owner, 'newest');
  await owner.record(sampleRecord(old, { key: '' }));
  const query = Client.prototype.query as (this: Client, config: { name?: string }) => Promise<unknown>;
  const prune = { settledBeforeMs: Number.MAX_SAFE_INTEGER, maxEvents: 10, maxRecords: 10 };
  const spy = vi.spyOn(Client.prototype, 'query').mockImplementation(async function (this: Client, config: never) {
    if ((config as { name?: string }).name === 'known_events') {
      spy.mockRestore();
      await other.journal.prune(prune);
    }
    return query.call(this, config);
  } as never);
  expect(await owner.accept(unkeyed('old'), { to: ['billing'] })).toMatchObject({ kind: 'accepted' });
  expect(owner.ended).toEqual([]);
  await eventually(async () => expect(await owner.read()).toContain('old'));
});
