import { onTestFinished } from 'vitest';
import type { DeliveryRecord, ReadyDelivery, RecordedDelivery, ReopenedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../../core/event.ts';
import type { AcceptResult, Commit, Journal, OpenLaneRequest, RecordRequest, StoredEvent } from '../journal.ts';
import type { JournalError } from '../journal-error.ts';
import { NOW_MS, newEvent, sampleAccept } from './samples.fixture.ts';

/** Where one journal's data is: it can be opened, closed and opened again there. */
export interface JournalPlace {
  /** @param isFull there is no room for new events */
  open(isFull: boolean): Promise<Journal>;
  /** Called once, after everything was closed. */
  remove(): Promise<void>;
}

export type CreatePlace = () => Promise<JournalPlace>;

/** The lanes of the samples. */
export const ADAPTERS = ['billing', 'records', 'scheduling'] as const;

/** A place for the running test and the way to open it; both are cleaned up when the test has finished. */
export async function usePlace(createPlace: CreatePlace) {
  const place = await createPlace();
  const sessions: Session[] = [];
  onTestFinished(async () => {
    for (const { journal } of sessions) await journal.close();
    await place.remove();
  });
  return async ({ isFull = false } = {}): Promise<Session> => {
    const session = new Session(await place.open(isFull));
    sessions.push(session);
    await session.openLanes();
    return session;
  };
}

/** Opens a new journal for the running test. */
export async function useJournal(createPlace: CreatePlace): Promise<Session> {
  const open = await usePlace(createPlace);
  return open();
}

/** A journal with its lanes opened, and all that it reported. */
export class Session {
  readonly journal: Journal;
  readonly commits: Commit[] = [];
  readonly ended: JournalError[] = [];
  /** What the monotonic clock says. */
  nowMs = NOW_MS;
  readonly #epochs = new Map<string, number>();

  constructor(journal: Journal) {
    this.journal = journal;
    journal.subscribe({
      committed: (commit) => void this.commits.push(commit),
      ended: (error) => void this.ended.push(error),
    });
  }

  async openLanes(onDeadLetter: OpenLaneRequest['onDeadLetter'] = 'continue'): Promise<void> {
    await Promise.all(ADAPTERS.map((adapter) => this.openLane(adapter, { onDeadLetter })));
  }

  async openLane(adapter: string, changes: Partial<OpenLaneRequest> = {}) {
    const { nowMs } = this;
    const request = { adapter, onDeadLetter: 'continue', nowMs, longestWaitMs: 3_600_000, ...changes } as const;
    const opened = await this.journal.openLane(request);
    this.#epochs.set(adapter, opened.epoch);
    return opened;
  }

  /** Accepts an event for these adapters. */
  accept(event: SyncEvent, { to = ['billing', 'records'], ...request }: AcceptOptions = {}): Promise<AcceptResult> {
    void this.journal.setReceivers(to);
    return this.journal.accept({ ...sampleAccept(event, { nowMs: this.nowMs }), ...request });
  }

  /** Accepts and insists that it is new. */
  async acceptNew(event: SyncEvent, options: AcceptOptions = {}): Promise<AcceptedEvent> {
    return newEvent(await this.accept(event, options));
  }

  /** An outcome, as the lane that is open records it. A retry is due when it is said to be, unless a time is named. */
  record(record: DeliveryRecord, changes: Partial<RecordRequest> = {}) {
    const { adapter, nextAttemptAtMs: dueAtMs } = record;
    const epoch = this.#epochs.get(adapter) ?? 0;
    return this.journal.record({ record, epoch, nowMs: this.nowMs, dueAtMs, notBeforeMs: 0, ...changes });
  }

  async readEvent(id: string): Promise<StoredEvent | undefined> {
    const found = await this.journal.readEvent({ id });
    return found.kind === 'found' ? found : undefined;
  }

  /** What is ready at an adapter. */
  async readReady(adapter = 'billing', changes: { nowMs?: number } = {}): Promise<readonly ReadyDelivery[]> {
    const { nowMs } = this;
    const page = await this.journal.readReady({ adapter, nowMs, limit: 1_000, limitBytes: 1e9, ...changes });
    return page.deliveries;
  }

  async readyIds(adapter = 'billing', changes: { nowMs?: number } = {}): Promise<readonly string[]> {
    return (await this.readReady(adapter, changes)).map(({ event }) => event.id);
  }

  get events(): readonly AcceptedEvent[] {
    return this.commits.flatMap(({ events }) => events);
  }

  get records(): readonly RecordedDelivery[] {
    return this.commits.flatMap(({ records }) => records);
  }

  get reopened(): readonly ReopenedDelivery[] {
    return this.commits.flatMap(({ reopened }) => reopened);
  }

  /** What was reported to be ready at an adapter. */
  reported(adapter = 'billing'): readonly ReadyDelivery[] {
    return this.commits.flatMap(({ lanes }) => lanes.get(adapter)?.ready ?? []);
  }

  reportedIds(adapter = 'billing'): readonly string[] {
    return this.reported(adapter).map(({ event }) => event.id);
  }
}

export interface AcceptOptions {
  readonly to?: readonly string[];
  readonly contentHash?: Uint8Array;
  readonly acceptedAtMs?: number;
}

/** Another content than that of every sample. */
export const OTHER_CONTENT = { contentHash: new Uint8Array(32).fill(1) };

/** Resolves once all that was requested before is on disk and reported: a read is answered after that. */
export async function flushed(journal: Pick<Journal, 'readJobs'>): Promise<void> {
  await journal.readJobs();
}
