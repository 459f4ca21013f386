import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { type SyncEvent, SyncEventSchema } from '@hms-sync/proto/hms/sync/v1/event';
import { onTestFinished } from 'vitest';
import { CALLS_OF_CALLER, CallerLimits } from '../../access/caller-limits.ts';
import { Acks } from '../../acks/acks.ts';
import type { DeliveryListener, FollowableEvent, Following } from '../../acks/followed-events.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { OnDeadLetter } from '../../core/lane-messages.ts';
import type { Outcome } from '../../core/outcome.ts';
import type { RetryPolicy } from '../../core/retry.ts';
import { type InlineJournal, openInlineJournal } from '../../journal/sqlite/inline-journal.ts';
import { systemClock } from '../../lanes/clock.ts';
import { LaneSet } from '../../lanes/lane-set.ts';
import { openTestLane } from '../../lanes/test-lane.fixture.ts';
import { Operations } from '../../operations/operations.ts';
import type { DeliveryAttempt } from '../../runtimes/runtime.ts';
import { ScriptedRuntime } from '../../runtimes/suite/scripted-runtime.fixture.ts';
import { Cursors } from '../cursor.ts';
import { Intake } from './intake.ts';
import { Publishing } from './publishing.ts';

/** The parts behind the rpcs: real lanes, acks and intake; the journal is SQLite in memory and adapters are functions. */
export interface TestHub {
  readonly publishing: Publishing;
  readonly intake: Intake;
  readonly lanes: LaneSet;
  readonly cursors: Cursors;
  readonly limits: CallerLimits;
  readonly wallMs: () => number;
  readonly onFault: (error: unknown) => void;
  readonly journal: InlineJournal;
  readonly acks: CountedAcks;
  readonly operations: Operations;
  /** Every event that was accepted, in order. */
  readonly events: readonly AcceptedEvent[];
  /** Faults that would be in the log. */
  readonly faults: readonly unknown[];
  /** What the hub did by itself, as it would be in the log. */
  readonly reports: readonly unknown[];
  /** Every attempt that was begun, in order. */
  readonly attempts: readonly DeliveryAttempt[];
  /** Called on each change that an operator sees. */
  onChange: () => void;
}

export interface TestHubOptions {
  /** What each adapter answers, by its id. */
  readonly adapters?: Readonly<Record<string, (attempt: DeliveryAttempt) => Outcome | Promise<Outcome>>>;
  /** False: the lanes are there and their adapters have not started. */
  readonly starts?: boolean;
  /** Default: the second attempt is a day later. */
  readonly retry?: RetryPolicy;
  /** Default: continue. */
  readonly onDeadLetter?: OnDeadLetter;
  /** Default: 1,024. */
  readonly eventBytesMax?: number;
}

/** Acks that know how many listen, so that a test sees when one is left behind. */
export class CountedAcks extends Acks {
  listening = 0;

  override follow(event: FollowableEvent, listener: DeliveryListener): Following {
    const { reportHeld, end } = super.follow(event, listener);
    let isFollowing = true;
    this.listening += 1;
    return {
      reportHeld,
      end: () => {
        if (isFollowing) this.listening -= 1;
        isFollowing = false;
        end();
      },
    };
  }
}

export const delivered: Outcome = { kind: 'delivered', receipt: 'ok' };
export const unwell: Outcome = { kind: 'retryable', failure: { code: 'HTTP_503', message: 'the system answered 503' } };
export const rejected: Outcome = {
  kind: 'permanent',
  failure: { code: 'HTTP_400', message: 'the system answered 400' },
};

/** Long enough that a test sees the waiting, never the second attempt. */
const ONCE_A_DAY = { baseMs: 86_400_000, capMs: 86_400_000, maxAttempts: 10 };

/** Opens a hub for the running test. */
export async function openTestHub(options: TestHubOptions = {}): Promise<TestHub> {
  const {
    adapters = { billing: () => delivered },
    starts = true,
    eventBytesMax = 1_024,
    retry = ONCE_A_DAY,
    onDeadLetter,
  } = options;
  const events: AcceptedEvent[] = [];
  const faults: unknown[] = [];
  const reports: unknown[] = [];
  const attempts: DeliveryAttempt[] = [];
  const onFault = (error: unknown) => void faults.push(error);
  const clock = systemClock;
  const { wallMs } = clock;
  const journal = openInlineJournal();
  const lanes = new LaneSet([], (receivers) => void journal.setReceivers(receivers));
  const acks = new CountedAcks({ journal, gates: lanes, wallMs });
  const place = () => acks.place;
  const operations = new Operations({
    journal,
    lanes,
    clock,
    place,
    settledMs: 60_000,
    write: ({ level, facts }) => level === 'info' && reports.push(facts),
  });
  journal.subscribe({
    committed(commit) {
      events.push(...commit.events);
      acks.committed(commit);
      operations.committed(commit);
      lanes.committed(commit);
    },
    ended: onFault,
  });
  const hub: Pick<TestHub, 'onChange'> = { onChange: () => undefined };
  const onChange = () => hub.onChange();
  const onGateChange = (adapter: string) => acks.gateChanged(adapter);
  for (const id of Object.keys(adapters).sort()) {
    const accepts = new Set(['ProcessUpdated']);
    const runtime = new ScriptedRuntime({ accepts, concurrency: 64, attemptTimeoutMs: 60_000 });
    runtime.answer = async (attempt) => {
      attempts.push(attempt);
      return (await adapters[id]?.(attempt)) ?? delivered;
    };
    lanes.add(
      await openTestLane({
        id,
        runtime,
        retry,
        ...(onDeadLetter && { onDeadLetter }),
        journal,
        onGateChange,
        onChange,
      }),
    );
  }
  const cursors = new Cursors(journal.info.id);
  const shared = { journal, acks, lanes, cursors, wallMs };
  const intake = new Intake({ journal, place, eventBytesMax, wallMs, nowMs: clock.monotonicMs });
  onTestFinished(async () => {
    await operations.stop();
    await lanes.close();
    await journal.close();
  });
  if (starts) await lanes.start();
  const limits = new CallerLimits(
    { eventsPerSecond: undefined, bytesPerDay: undefined, calls: CALLS_OF_CALLER },
    clock.monotonicMs,
  );
  return Object.assign(hub, {
    ...shared,
    intake,
    limits,
    publishing: new Publishing({ ...shared, intake, limits }),
    operations,
    onFault,
    events,
    faults,
    reports,
    attempts,
  });
}

/** An event as a publisher hands it in. */
export function published(init: MessageInitShape<typeof SyncEventSchema> = {}): SyncEvent {
  return create(SyncEventSchema, { type: 'ProcessUpdated', ...init });
}

/** What an iterator still gives until it ends. */
export async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

/** Resolves once all that is ready now has run, commits of the journal among it. */
export async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise(setImmediate);
}
