import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal } from '../journal.ts';
import type { ReplayJob } from '../replay-job.ts';
import { type CreatePlace, type Told, toldRecords, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  deadLettered,
  replayAll,
  sampleAccept,
  sampleEvent,
  sampleJob,
  sampleRecord,
  withoutAttempt,
} from './samples.suite.ts';

/** What a step of a replay job does. */
export function replayingSuite(createPlace: CreatePlace): void {
  it('sends the oldest first, some at a time, and keeps how far it is', async () => {
    const open = await usePlace(createPlace);
    const { journal, told } = await open();
    const [a, b, c] = await acceptDead(journal, ['a', 'b', 'c']);
    const first = await step(journal, sampleJob(), { limit: 2 });
    expect(reopened(told)).toEqual(['a billing', 'b billing']);
    expect(first).toMatchObject({ state: 'running', sent: 2, position: { seq: b?.seq, adapter: 'billing' } });
    await journal.close();

    const after = await open();
    expect(await after.journal.readJobs()).toEqual([first]);
    const second = await step(after.journal, first, { limit: 2 });
    expect(reopened(after.told)).toEqual(['c billing']);
    expect(second).toMatchObject({ state: 'done', sent: 3, position: { seq: c?.seq } });
    expect(await after.journal.readJobs()).toEqual([second]);
    const stored = await after.journal.readEvent('a');
    expect(stored?.deliveries).toMatchObject([{ state: 'waiting', cycle: 2, attempts: 0 }]);
    expect(a?.seq).toBe(1);
  });

  it('begins no further one once the payloads are large enough', async () => {
    const { journal, told } = await useJournal(createPlace);
    await acceptDead(journal, ['a', 'b', 'c']);
    const job = await step(journal, sampleJob(), { limit: 9, limitBytes: 1 });
    expect(job).toMatchObject({ state: 'running', sent: 1 });
    expect(reopened(told)).toEqual(['a billing']);
  });

  it('only counts when it is asked to, by the same rules', async () => {
    const { journal, told } = await useJournal(createPlace);
    await acceptDead(journal, ['a', 'b']);
    expect(await step(journal, sampleJob(), { dryRun: true })).toMatchObject({ state: 'done', sent: 2 });
    expect(reopened(told)).toEqual([]);
    expect(await journal.readJobs()).toEqual([]);
    expect(await journal.countDeliveriesOf({ states: ['dead_lettered'] })).toBe(2);
  });

  it('leaves out what is not meant, is stale, was replayed before, or died after the job was made', async () => {
    const { journal, told } = await useJournal(createPlace);
    const [stale, newer, twice, other] = await acceptDead(journal, ['stale', 'newer', 'twice', 'other']);
    if (!stale || !newer || !twice || !other) throw new Error('not accepted');
    const later = await acceptNew(journal, sampleAccept(sampleEvent('later', { key: '' }), { adapters: ['billing'] }));
    await replayAll(journal, { eventIds: ['newer'] });
    journal.record(sampleRecord(newer, { cycle: 2 }));
    await replayAll(journal, { eventIds: ['twice'] });
    journal.record(deadLettered(twice, { cycle: 2 }));
    const upToCursor = toldRecords(told).length + 1;
    journal.record(deadLettered(later));
    const filter = { keys: ['process-7', ''] };
    const before = reopened(told).length;
    const job = await step(journal, sampleJob({ filter, upToCursor }), {});
    expect(reopened(told).slice(before)).toEqual(['other billing']);
    expect(job).toMatchObject({ state: 'done', sent: 1, skippedStale: 1, skippedReplayed: 1 });
    const all = { includeStale: true, includeReplayed: true };
    const rest = await step(journal, sampleJob({ id: 'job-2', ...all }), {});
    expect(rest).toMatchObject({ sent: 3, skippedStale: 0, skippedReplayed: 0 });
    expect(reopened(told).slice(before + 1)).toEqual(['stale billing', 'twice billing', 'later billing']);
  });

  it('says of what it sends whether it may follow a newer event of its key', async () => {
    const { journal, told } = await useJournal(createPlace);
    await acceptDead(journal, ['a', 'b']);
    await step(journal, sampleJob({ filter: { eventIds: ['a'] } }), {});
    await step(journal, sampleJob({ filter: { eventIds: ['b'] }, includeStale: true }), {});
    expect(reopenedDeliveries(told).map(({ mayFollowNewer }) => mayFollowNewer)).toEqual([false, true]);
  });

  it('does not take for replayed before what was not sent because a newer event was on its way', async () => {
    const { journal, told } = await useJournal(createPlace);
    const [a] = await acceptDead(journal, ['a']);
    if (a === undefined) throw new Error('not accepted');
    await step(journal, sampleJob(), {});
    journal.record(withoutAttempt(a, { state: 'dead_lettered', cycle: 2, reason: 'not sent' }));
    expect(await step(journal, sampleJob(), {})).toMatchObject({ sent: 1, skippedReplayed: 0 });
    expect(reopenedDeliveries(told).map(({ delivery }) => delivery.cycle)).toEqual([2, 3]);
  });

  it('a run sends exactly what its dry run counted, once each, and the events of a key in their order', async () => {
    const { journal, told } = await useJournal(createPlace);
    let stories = 0;
    await fc.assert(
      fc.asyncProperty(anyStory, async ({ deliveries, filter, included, limit, livesOn }) => {
        // Adapters of its own for each story: opening a journal takes longer than telling one.
        const suffix = `-${stories++}`;
        await tell(journal, deliveries, suffix);
        const upToCursor = toldRecords(told).at(-1)?.cursor ?? 0;
        const adapters = filter.adapters.map((adapter) => adapter + suffix);
        const made = sampleJob({ filter: { ...filter, adapters }, upToCursor, ...included });
        const before = reopened(told).length;
        const counted = await finish(journal, made, { dryRun: true, limit });
        expect(reopened(told).length).toBe(before);
        let seen = before;
        const done = await finish(journal, made, { limit }, () => {
          // What is sent is delivered or dies again while the job goes on.
          for (const { adapter, delivery } of reopenedDeliveries(told).slice(seen)) {
            const { event, cycle } = delivery;
            if (livesOn) journal.record(sampleRecord(event, { adapter, cycle }));
            else journal.record(deadLettered(event, { adapter, cycle }));
          }
          seen = reopened(told).length;
        });
        const sent = reopenedDeliveries(told).slice(before);
        expect(done).toEqual(counted);
        expect(sent.length).toBe(counted.sent);
        expect(new Set(sent.map(({ adapter, delivery }) => `${delivery.event.id} ${adapter}`)).size).toBe(sent.length);
        const bySeq = sent.map(({ delivery }) => delivery.event.seq);
        expect(bySeq).toEqual(bySeq.toSorted((left, right) => left - right));
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

async function tell(journal: Journal, deliveries: Past, suffix: string): Promise<void> {
  const events = await Promise.all(
    deliveries.map(({ key, adapter }, index) => {
      const event = sampleEvent(`e-${index}${suffix}`, { key });
      return acceptNew(journal, sampleAccept(event, { adapters: [adapter + suffix] }));
    }),
  );
  const replays: Promise<unknown>[] = [];
  for (const [index, { adapter: name, past }] of deliveries.entries()) {
    const event = events[index];
    if (event === undefined || past === 'waiting') continue;
    const adapter = name + suffix;
    journal.record(past === 'delivered' ? sampleRecord(event, { adapter }) : deadLettered(event, { adapter }));
    if (past !== 'replayed') continue;
    replays.push(replayAll(journal, { adapters: [adapter], eventIds: [event.id] }));
    journal.record(deadLettered(event, { adapter, cycle: 2 }));
  }
  await Promise.all(replays);
  // Behind the last record.
  await journal.countDeliveries();
}

/** Events of one key that are dead letters at billing. */
async function acceptDead(journal: Journal, ids: readonly string[]): Promise<AcceptedEvent[]> {
  const events: AcceptedEvent[] = [];
  for (const id of ids) {
    const key = id === 'other' ? '' : 'process-7';
    const event = await acceptNew(journal, sampleAccept(sampleEvent(id, { key }), { adapters: ['billing'] }));
    journal.record(deadLettered(event));
    events.push(event);
  }
  return events;
}

interface StepBounds {
  readonly limit?: number;
  readonly limitBytes?: number;
  readonly dryRun?: boolean;
}

async function step(journal: Journal, job: ReplayJob, bounds: StepBounds): Promise<ReplayJob> {
  const { limit = 99, limitBytes = 1_000_000, dryRun = false } = bounds;
  return (await journal.stepReplay({ job, atMs: 9, ...(!dryRun && { bounds: { limit, limitBytes } }) })).job;
}

async function finish(
  journal: Journal,
  made: ReplayJob,
  bounds: StepBounds,
  between: () => void = () => undefined,
): Promise<ReplayJob> {
  let job = made;
  while (job.state === 'running') {
    job = await step(journal, job, bounds);
    between();
  }
  return job;
}

function reopenedDeliveries(told: readonly Told[]) {
  return told.flatMap((entry) => (entry.kind === 'reopened' ? entry.deliveries : []));
}

function reopened(told: readonly Told[]): readonly string[] {
  return reopenedDeliveries(told).map(({ adapter, delivery }) => `${delivery.event.id} ${adapter}`);
}
