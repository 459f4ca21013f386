import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import type { ReplayJob } from '../replay-job.ts';
import { type CreatePlace, flushed, Session, useJournal, usePlace } from './place.fixture.ts';
import {
  deadLettered,
  NOW_MS,
  replayAll,
  sampleEvent,
  sampleJob,
  sampleRecord,
  withoutAttempt,
} from './samples.fixture.ts';

/** What a step of a replay job does. */
export function replayingSuite(createPlace: CreatePlace): void {
  it('sends the oldest first, some at a time, and keeps how far it is', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const [a, b, c] = await acceptDead(session, ['a', 'b', 'c']);
    const first = await step(session, sampleJob(), { limit: 2 });
    expect(reopened(session)).toEqual(['a billing', 'b billing']);
    expect(first).toMatchObject({ state: 'running', sent: 2, position: { seq: b?.seq, adapter: 'billing' } });
    await session.journal.close();

    const again = await open();
    expect(await again.journal.readJobs()).toEqual([first]);
    const second = await step(again, first, { limit: 2 });
    expect(again.reopened).toMatchObject([{ seq: c?.seq, adapter: 'billing' }]);
    expect(second).toMatchObject({ state: 'done', sent: 3, position: { seq: c?.seq } });
    expect(await again.journal.readJobs()).toEqual([second]);
    const stored = await again.readEvent('a');
    expect(stored?.deliveries).toMatchObject([{ state: 'waiting', cycle: 2, attempts: 0 }]);
    expect(await again.readyIds()).toEqual(['a']);
    expect(a?.seq).toBe(1);
  });

  it('begins no further one once the payloads are large enough', async () => {
    const session = await useJournal(createPlace);
    await acceptDead(session, ['a', 'b', 'c']);
    const job = await step(session, sampleJob(), { limit: 9, limitBytes: 1 });
    expect(job).toMatchObject({ state: 'running', sent: 1 });
    expect(reopened(session)).toEqual(['a billing']);
  });

  it('only counts when it is asked to, by the same rules', async () => {
    const session = await useJournal(createPlace);
    await acceptDead(session, ['a', 'b']);
    expect(await step(session, sampleJob(), { dryRun: true })).toMatchObject({ state: 'done', sent: 2 });
    expect(reopened(session)).toEqual([]);
    expect(await session.journal.readJobs()).toEqual([]);
    expect(await session.journal.countDeliveriesOf({ states: ['dead_lettered'] })).toBe(2);
  });

  it('leaves out what is not meant, is stale, was replayed before, or died after the job was made', async () => {
    const session = await useJournal(createPlace);
    const [stale, newer, twice, other] = await acceptDead(session, ['stale', 'newer', 'twice', 'other']);
    if (!stale || !newer || !twice || !other) throw new Error('not accepted');
    const later = await session.acceptNew(sampleEvent('later', { key: '' }), { to: ['billing'] });
    await replayAll(session.journal, { eventIds: ['newer'] });
    void session.record(sampleRecord(newer, { cycle: 2 }));
    await replayAll(session.journal, { eventIds: ['twice'] });
    await session.record(deadLettered(twice, { cycle: 2 }));
    const billing = session.records.length;
    void session.record(deadLettered(later));
    const filter = { keys: ['process-7', ''] };
    const before = reopened(session).length;
    const job = await step(session, sampleJob({ filter, upTo: { billing } }), {});
    expect(reopened(session).slice(before)).toEqual(['other billing']);
    expect(job).toMatchObject({ state: 'done', sent: 1, skippedStale: 1, skippedReplayed: 1 });
    expect(await step(session, sampleJob({ upTo: { records: billing } }), { dryRun: true })).toMatchObject({ sent: 0 });
    const all = { includeStale: true, includeReplayed: true };
    const rest = await step(session, sampleJob({ id: 'job-2', ...all }), {});
    expect(rest).toMatchObject({ sent: 3, skippedStale: 0, skippedReplayed: 0 });
    expect(reopened(session).slice(before + 1)).toEqual(['stale billing', 'twice billing', 'later billing']);
  });

  it('does not take for replayed before what was not sent because a newer event was on its way', async () => {
    const session = await useJournal(createPlace);
    const [a] = await acceptDead(session, ['a']);
    if (a === undefined) throw new Error('not accepted');
    await step(session, sampleJob(), {});
    void session.record(withoutAttempt(a, { state: 'dead_lettered', cycle: 2, reason: 'not sent' }));
    expect(await step(session, sampleJob(), {})).toMatchObject({ sent: 1, skippedReplayed: 0 });
    expect((await session.readEvent('a'))?.deliveries).toMatchObject([{ cycle: 3 }]);
  });

  it('a run sends exactly what its dry run counted, once each, and the events of a key in their order', async () => {
    const { journal } = await useJournal(createPlace);
    let stories = 0;
    await fc.assert(
      fc.asyncProperty(anyStory, async ({ deliveries, filter, included, limit, livesOn }) => {
        // Adapters of its own for each story: opening a journal takes longer than running one.
        const suffix = `-${stories++}`;
        const session = new Session(journal);
        await record(session, deliveries, suffix);
        const adapters = filter.adapters.map((adapter) => adapter + suffix);
        const upTo = Object.fromEntries(adapters.map((adapter) => [adapter, 1e9]));
        const made = sampleJob({ filter: { ...filter, adapters }, upTo, ...included });
        const before = session.reopened.length;
        const counted = await finish(session, made, { dryRun: true, limit });
        expect(session.reopened.length).toBe(before);
        let seen = before;
        const done = await finish(session, made, { limit }, () => {
          // What is sent is delivered or dies again while the job goes on.
          for (const { adapter, seq } of session.reopened.slice(seen)) {
            const cycle = 1 + session.reopened.filter((other) => other.seq === seq && other.adapter === adapter).length;
            const place = session.events.find((event) => event.seq === seq);
            if (place === undefined) throw new Error(`seq ${seq} was not accepted`);
            void session.record(
              livesOn ? sampleRecord(place, { adapter, cycle }) : deadLettered(place, { adapter, cycle }),
            );
          }
          seen = session.reopened.length;
        });
        const sent = session.reopened.slice(before);
        expect(done).toEqual(counted);
        expect(sent.length).toBe(counted.sent);
        expect(new Set(sent.map(({ adapter, seq }) => `${seq} ${adapter}`)).size).toBe(sent.length);
        const seqs = sent.map(({ seq }) => seq);
        expect(seqs).toEqual(seqs.toSorted((left, right) => left - right));
      }),
      { numRuns: 40 },
    );
  });
}

const anyDelivery = fc.record({
  key: fc.constantFrom('', 'x', 'y'),
  adapter: fc.constantFrom('billing', 'records'),
  past: fc.constantFrom('dead', 'delivered', 'replayed', 'waiting'),
});

const anyStory = fc.record({
  deliveries: fc.array(anyDelivery, { maxLength: 12 }),
  filter: fc.record({
    adapters: fc.subarray(['billing', 'records'], { minLength: 1 }),
    keys: fc.subarray(['', 'x', 'y']),
  }),
  included: fc.record({ includeStale: fc.boolean(), includeReplayed: fc.boolean() }),
  limit: fc.integer({ min: 1, max: 4 }),
  /** Whether what is sent is delivered. */
  livesOn: fc.boolean(),
});

type Past = (typeof anyDelivery extends fc.Arbitrary<infer Value> ? Value : never)[];

async function record(session: Session, deliveries: Past, suffix: string): Promise<void> {
  await Promise.all(['billing', 'records'].map((adapter) => session.openLane(adapter + suffix)));
  const events = await Promise.all(
    deliveries.map(({ key, adapter }, index) =>
      session.acceptNew(sampleEvent(`e-${index}${suffix}`, { key }), { to: [adapter + suffix] }),
    ),
  );
  for (const [index, { adapter: name, past }] of deliveries.entries()) {
    const event = events[index];
    if (event === undefined || past === 'waiting') continue;
    const adapter = name + suffix;
    void session.record(past === 'delivered' ? sampleRecord(event, { adapter }) : deadLettered(event, { adapter }));
    if (past !== 'replayed') continue;
    void replayAll(session.journal, { adapters: [adapter], eventIds: [event.id] });
    void session.record(deadLettered(event, { adapter, cycle: 2 }));
  }
  await flushed(session.journal);
}

/** Events of one key that are dead letters at billing. */
async function acceptDead(session: Session, ids: readonly string[]): Promise<AcceptedEvent[]> {
  const events: AcceptedEvent[] = [];
  for (const id of ids) {
    const key = id === 'other' ? '' : 'process-7';
    const event = await session.acceptNew(sampleEvent(id, { key }), { to: ['billing'] });
    void session.record(deadLettered(event));
    events.push(event);
  }
  return events;
}

interface StepBounds {
  readonly limit?: number;
  readonly limitBytes?: number;
  readonly dryRun?: boolean;
}

async function step({ journal }: Session, job: ReplayJob, bounds: StepBounds): Promise<ReplayJob> {
  const { limit = 99, limitBytes = 1_000_000, dryRun = false } = bounds;
  const request = { job, atMs: 9, nowMs: NOW_MS, ...(!dryRun && { bounds: { limit, limitBytes } }) };
  return (await journal.stepReplay(request)).job;
}

async function finish(
  session: Session,
  made: ReplayJob,
  bounds: StepBounds,
  between: () => void = () => undefined,
): Promise<ReplayJob> {
  let job = made;
  while (job.state === 'running') {
    job = await step(session, job, bounds);
    between();
  }
  return job;
}

/** What was sent, by id and adapter. */
function reopened(session: Session): readonly string[] {
  const ids = new Map(session.events.map(({ seq, id }) => [seq, id]));
  return session.reopened.map(({ adapter, seq }) => `${ids.get(seq)} ${adapter}`);
}
