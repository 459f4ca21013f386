import type { DatabaseSync } from 'node:sqlite';
import { onTestFinished, vi } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { AcceptedEvent } from '../core/event.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Call } from '../journal/calls.ts';
import type { Commit, LaneStatistics } from '../journal/journal.ts';
import type { ReplayJob } from '../journal/replay-job.ts';
import { type InlineJournal, openInlineJournal } from '../journal/sqlite/inline-journal.ts';
import { flushed } from '../journal/suite/place.fixture.ts';
import { newEvent, sampleAccept, sampleEvent, sampleJob } from '../journal/suite/samples.fixture.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { type Clock, systemClock } from './clock.ts';
import type { Lane } from './lane.ts';
import { LaneSet } from './lane-set.ts';
import { openTestLane, type TestLaneOptions } from './test-lane.fixture.ts';

export const failure = { code: 'HTTP_503', message: 'the other side is unwell' };
export const delivered = { kind: 'delivered', receipt: '' } as const satisfies Outcome;
export const retryable = { kind: 'retryable', failure } as const satisfies Outcome;
export const permanent = { kind: 'permanent', failure } as const satisfies Outcome;

export interface LaneFixtureOptions extends Partial<Omit<TestLaneOptions, 'id' | 'runtime' | 'journal'>> {
  readonly runtime?: ScriptedRuntime;
  /** Of a fixture whose hub was killed: this one starts again on what is on disk. */
  readonly database?: DatabaseSync;
}

/**
 * A lane for billing, opened and not started, on the journal that ships and on real time, with short waits. Closed with
 * the running test.
 */
export async function openLaneFixture(options: LaneFixtureOptions = {}): Promise<LaneFixture> {
  const { database, runtime = new ScriptedRuntime(), clock = systemClock, ...rest } = options;
  const requests: Call[] = [];
  const journal = openInlineJournal({ database, onRequest: (call) => requests.push(call) });
  await journal.setReceivers(['billing']);
  const gateChanges: string[] = [];
  const conditions: string[] = ['closed'];
  const lane: Lane = await openTestLane({
    id: 'billing',
    runtime,
    retry: { baseMs: 1, capMs: 20, maxAttempts: 3 },
    breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 30 },
    journal,
    clock,
    onGateChange: (adapter) => gateChanges.push(adapter),
    onChange: () => {
      const { condition } = lane.health().breaker;
      if (conditions.at(-1) !== condition) conditions.push(condition);
    },
    ...rest,
  });
  const fixture = new LaneFixture({ runtime, journal, lane, clock, requests, gateChanges, conditions });
  onTestFinished(() => fixture.close());
  return fixture;
}

type Parts = Pick<LaneFixture, 'runtime' | 'journal' | 'lane' | 'clock' | 'requests' | 'gateChanges' | 'conditions'>;

export class LaneFixture {
  readonly runtime: ScriptedRuntime;
  readonly journal: InlineJournal;
  readonly lane: Lane;
  readonly clock: Clock;
  /** What the journal was asked, in order. */
  readonly requests: readonly Call[];
  /** An entry each time that what holds the lane changed. */
  readonly gateChanges: readonly string[];
  /** Of the breaker, in order. */
  readonly conditions: readonly string[];
  readonly records: RecordedDelivery[] = [];
  /** From now on the lane learns only that there is more to read: as of what is accepted at another hub. */
  reportsMoreOnly = false;

  constructor(parts: Parts) {
    this.runtime = parts.runtime;
    this.journal = parts.journal;
    this.lane = parts.lane;
    this.clock = parts.clock;
    this.requests = parts.requests;
    this.gateChanges = parts.gateChanges;
    this.conditions = parts.conditions;
    const lanes = new LaneSet([this.lane]);
    this.journal.subscribe({
      committed: (commit) => {
        this.records.push(...commit.records);
        lanes.committed(this.reportsMoreOnly ? withoutReady(commit) : commit);
      },
      ended: (error) => {
        throw error;
      },
    });
  }

  /** Starts the lane; it has read what is ready, and is notified of what is accepted from now on with its commit. */
  async start(): Promise<void> {
    await this.lane.start();
    await flushed(this.journal);
  }

  /** Events by their ids: what follows a slash is the key. */
  async accept(...ids: readonly string[]): Promise<readonly AcceptedEvent[]> {
    const nowMs = this.clock.monotonicMs();
    const events = ids.map((id) => sampleEvent(id, { key: id.split('/')[1] ?? '' }));
    return Promise.all(
      events.map(async (event) => newEvent(await this.journal.accept(sampleAccept(event, { nowMs })))),
    );
  }

  /** An operator replays the dead letter of an event. */
  async replay(eventId: string, changes: Partial<ReplayJob> = {}): Promise<void> {
    const job = sampleJob({ filter: { eventIds: [eventId] }, includeReplayed: true, ...changes });
    const bounds = { limit: 1, limitBytes: 1 };
    await this.journal.stepReplay({ job, atMs: 0, nowMs: this.clock.monotonicMs(), bounds });
  }

  /** As "id: state", in the order in which they were reported. */
  get log(): readonly string[] {
    return this.records.map(({ eventId, state }) => `${eventId}: ${state}`);
  }

  /** What the journal counts of the lane. */
  async statistics(): Promise<LaneStatistics | undefined> {
    const { lanes } = await this.journal.readStatistics();
    return lanes.find(({ adapter }) => adapter === 'billing');
  }

  /** Resolves once every delivery is settled. */
  async settled(): Promise<void> {
    await vi.waitUntil(async () => (await this.statistics())?.unsettled === 0, { interval: 2, timeout: 5_000 });
  }

  /** The hub dies as by kill -9. What is on disk stays; the adapter's code runs on and nothing reports it. */
  kill(): DatabaseSync {
    this.journal.control.kill();
    return this.journal.database;
  }

  async close(): Promise<void> {
    await this.lane.close();
    await this.journal.close();
  }
}

function withoutReady(commit: Commit): Commit {
  const more = [...commit.lanes].map(([adapter, news]) => [adapter, { ...news, ready: [], isMore: true }] as const);
  return { ...commit, events: [], lanes: new Map(more) };
}

/** Resolves once it is so; what a lane does in real time takes milliseconds. */
export const until = (condition: () => boolean) => vi.waitUntil(condition, { interval: 2, timeout: 5_000 });
