import { describe, expect, it } from 'vitest';
import type { ReplayJob } from '../journal/replay-job.ts';
import type { InlineJournal } from '../journal/sqlite/inline-journal.ts';
import { deadLettered, sampleRecord } from '../journal/suite/samples.fixture.ts';
import { ManualClock, settle } from './manual-clock.fixture.ts';
import { openRecordingJournal } from './recording-journal.fixture.ts';
import { ReplayJobs, type ReplayOrder, RUNNING_JOBS_MAX } from './replay-runner.ts';

/** Jobs on a journal in this thread, on a clock of their own. */
function open(
  database?: InlineJournal['database'],
  { clock = new ManualClock(), hub }: { clock?: ManualClock; hub?: string } = {},
) {
  const { journal, accept, record } = openRecordingJournal({ adapters: ['billing'], ...(database && { database }) });
  const sent: number[] = [];
  const place = new Map(journal.info.positions);
  journal.subscribe({
    committed({ records, reopened }) {
      for (const { adapter, position } of records) place.set(adapter, position);
      sent.push(...reopened.map(({ seq }) => seq));
    },
    ended: () => undefined,
  });
  const ended: ReplayJob[] = [];
  const jobs = new ReplayJobs({ journal, clock, hub, place: () => new Map(place), onEnd: (job) => ended.push(job) });
  // Dead letters are accepted in the order of their numbers, nothing before them.
  const sentIds = (key = '') => sent.map((seq) => `${key}${seq - 1}`);
  return { journal, accept, record, jobs, clock, ended, sentIds };
}

type Opened = ReturnType<typeof open>;

async function acceptDead({ accept, record }: Opened, count: number, key = ''): Promise<readonly string[]> {
  const ids = Array.from({ length: count }, (_, index) => `${key}${index}`);
  for (const id of ids) record(deadLettered(await accept(id, { key }), { key }));
  await settle();
  return ids;
}

const order = (changes: Partial<ReplayOrder> = {}): ReplayOrder => ({
  filter: { adapters: ['billing'] },
  ratePerSecond: 10,
  reason: 'billing is back, says Dana',
  includeStale: false,
  includeReplayed: false,
  ...changes,
});

async function begin({ jobs }: Opened, changes: Partial<ReplayOrder> = {}): Promise<ReplayJob> {
  const job = await jobs.begin(order(changes));
  if (job === undefined) throw new Error('too many jobs');
  return job;
}

async function allOf(jobs: AsyncIterable<ReplayJob>): Promise<ReplayJob[]> {
  const all: ReplayJob[] = [];
  for await (const job of jobs) all.push(job);
  return all;
}

const forever = new AbortController().signal;

describe('a replay job', () => {
  it('sends at most as many a second as it may, the oldest first', async () => {
    const opened = open();
    const ids = await acceptDead(opened, 25);
    await begin(opened, { ratePerSecond: 10 });
    await opened.clock.pass(999);
    expect(opened.sentIds()).toEqual(ids.slice(0, 10));
    await opened.clock.pass(1_000);
    expect(opened.sentIds()).toEqual(ids.slice(0, 20));
    await opened.clock.pass(1_000);
    expect(opened.sentIds()).toEqual(ids);
    expect(opened.ended).toMatchObject([{ state: 'done', matched: 25, sent: 25 }]);
  });

  it.each([1, 3, 15, 120])('keeps to a rate of %d', async (ratePerSecond) => {
    const opened = open();
    const ids = await acceptDead(opened, 3 * ratePerSecond);
    await begin(opened, { ratePerSecond });
    for (const second of [1, 2, 3]) {
      await opened.clock.pass(second === 1 ? 999 : 1_000);
      expect(opened.sentIds().length).toBeLessThanOrEqual(second * ratePerSecond);
    }
    expect(opened.sentIds().length).toBeGreaterThan(0.9 * ids.length);
  });

  it('is not hurried and not held up by a clock on the wall that jumps', async () => {
    const opened = open();
    await acceptDead(opened, 30);
    await begin(opened);
    await opened.clock.pass(450);
    opened.clock.jump(86_400_000);
    await opened.clock.pass(300);
    opened.clock.jump(-2 * 86_400_000);
    await opened.clock.pass(249);
    expect(opened.sentIds()).toHaveLength(10);
  });

  it('reports each change to who watches it, and ends the watch with its own end', async () => {
    const opened = open();
    await acceptDead(opened, 3);
    const { id } = await begin(opened);
    const watched = allOf(opened.jobs.watch(id, forever));
    await opened.clock.pass(1_000);
    const received = await watched;
    expect(received.map(({ state, sent }) => `${state} ${sent}`)).toEqual([
      'running 0',
      'running 1',
      'running 2',
      'done 3',
    ]);
    expect(await allOf(opened.jobs.watch(id, forever))).toEqual([received.at(-1)]);
    expect(await allOf(opened.jobs.watch('nobody', forever))).toEqual([]);
  });

  it('is cancelled by an operator: what it sent stays sent, and no more is', async () => {
    const opened = open();
    await acceptDead(opened, 30);
    const { id } = await begin(opened);
    await opened.clock.pass(500);
    const sent = opened.sentIds().length;
    expect(await opened.jobs.cancel(id)).toMatchObject({ state: 'cancelled', sent });
    await opened.clock.pass(10_000);
    expect(opened.sentIds()).toHaveLength(sent);
    expect(await opened.jobs.find(id)).toMatchObject({ state: 'cancelled' });
    expect(await opened.jobs.cancel(id)).toMatchObject({ state: 'cancelled' });
    expect(await opened.jobs.cancel('nobody')).toBeUndefined();
  });

  it('does not send again what dies while it goes on', async () => {
    const opened = open();
    const ids = await acceptDead(opened, 5);
    await begin(opened, { includeReplayed: true });
    await opened.clock.pass(100);
    opened.record(deadLettered({ seq: 1, id: '0' }, { cycle: 2 }));
    await opened.clock.pass(5_000);
    expect(opened.sentIds()).toEqual(ids);
  });

  it('leaves out a dead letter that has become stale by the time of its turn', async () => {
    const opened = open();
    await acceptDead(opened, 3, 'x');
    const { id } = await begin(opened);
    await opened.clock.pass(99);
    opened.record(sampleRecord(await opened.accept('newer', { key: 'x' }), { key: 'x' }));
    await opened.clock.pass(5_000);
    expect(opened.sentIds('x')).toEqual(['x0']);
    expect(await opened.jobs.find(id)).toMatchObject({ state: 'done', sent: 1, skippedStale: 2 });
  });

  it.each(['killed', 'stopped'])('goes on where it was when the hub was %s, and sends nothing twice', async (how) => {
    const before = open();
    const ids = await acceptDead(before, 20);
    const { id } = await begin(before);
    await before.clock.pass(850);
    if (how === 'stopped') {
      await before.jobs.stop();
      await before.journal.close();
    } else before.journal.control.kill();
    const sentBefore = before.sentIds();
    expect(sentBefore).toEqual(ids.slice(0, 9));

    const after = open(before.journal.database);
    await after.jobs.resume();
    await after.clock.pass(5_000);
    expect([...sentBefore, ...after.sentIds()]).toEqual(ids);
    expect(await after.jobs.find(id)).toMatchObject({ state: 'done', matched: 20, sent: 20 });
  });

  it('is continued by its own hub alone, where several share the journal', async () => {
    const before = open(undefined, { hub: 'hub-1' });
    await acceptDead(before, 20);
    await begin(before);
    await before.clock.pass(300);
    await before.jobs.stop();
    await before.journal.close();
    const sent = before.sentIds().length;
    const lives = [];
    for (const hub of ['hub-2', 'hub-1']) {
      const after = open(before.journal.database, { hub });
      await after.jobs.resume();
      await after.clock.pass(5_000);
      lives.push(after.sentIds().length);
      await after.journal.close();
    }
    expect(lives).toEqual([0, 20 - sent]);
  });

  it('stays cancelled when the hub stops in the same moment', async () => {
    const before = open();
    const ids = await acceptDead(before, 20);
    const { id } = await begin(before);
    await before.clock.pass(300);
    const [cancelled] = await Promise.all([before.jobs.cancel(id), before.jobs.stop()]);
    expect(cancelled).toMatchObject({ state: 'cancelled' });
    await before.journal.close();

    const after = open(before.journal.database);
    await after.jobs.resume();
    await after.clock.pass(5_000);
    expect(after.sentIds()).toEqual([]);
    expect(await after.jobs.find(id)).toMatchObject({ state: 'cancelled', sent: before.sentIds().length });
    expect(before.sentIds().length).toBeLessThan(ids.length);
  });

  it('ends the watches of a hub that stops, as a running one', async () => {
    const opened = open();
    await acceptDead(opened, 20);
    const { id } = await begin(opened);
    const watched = allOf(opened.jobs.watch(id, forever));
    await opened.clock.pass(300);
    await opened.jobs.stop();
    expect((await watched).at(-1)).toMatchObject({ state: 'running' });
  });
});

describe('replay jobs', () => {
  it('count what a job would send without sending it', async () => {
    const opened = open();
    await acceptDead(opened, 3);
    const counted = await opened.jobs.count(order());
    expect(counted).toMatchObject({ id: '', state: 'done', matched: 3, sent: 3 });
    await opened.clock.pass(5_000);
    expect(opened.sentIds()).toEqual([]);
    expect(await opened.journal.readJobs()).toEqual([]);
  });

  it('run no more than this many at a time', async () => {
    const opened = open();
    await acceptDead(opened, 40);
    const made = await Promise.all(Array.from({ length: RUNNING_JOBS_MAX + 1 }, () => opened.jobs.begin(order())));
    expect(made.map((job) => job === undefined)).toEqual([...Array(RUNNING_JOBS_MAX).fill(false), true]);
    await opened.jobs.cancel(made[0]?.id ?? '');
    expect(await opened.jobs.begin(order())).toBeDefined();
  });
});
