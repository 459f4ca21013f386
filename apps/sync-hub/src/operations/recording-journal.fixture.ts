import { onTestFinished } from 'vitest';
import type { DeliveryRecord } from '../core/delivery.ts';
import type { AcceptedEvent, SyncEvent } from '../core/event.ts';
import { type InlineJournal, openInlineJournal } from '../journal/sqlite/inline-journal.ts';
import { NOW_MS, newEvent, recordRequest, sampleAccept, sampleEvent } from '../journal/suite/samples.fixture.ts';

/** A journal in this thread, and a test that takes the part of its lanes. Closed with the running test. */
export interface RecordingJournal {
  readonly journal: InlineJournal;
  accept(id: string, changes?: Partial<SyncEvent>): Promise<AcceptedEvent>;
  record(record: DeliveryRecord): void;
}

export function openRecordingJournal({
  adapters = ['billing', 'records'],
  database,
}: {
  readonly adapters?: readonly string[];
  /** Of an earlier one that was closed or killed. */
  readonly database?: InlineJournal['database'];
} = {}): RecordingJournal {
  const journal = openInlineJournal({ database });
  onTestFinished(() => journal.close());
  for (const adapter of adapters) {
    void journal.openLane({ adapter, onDeadLetter: 'continue', nowMs: NOW_MS, longestWaitMs: 1_000 });
  }
  void journal.setReceivers(adapters);
  return {
    journal,
    accept: async (id, changes = {}) => newEvent(await journal.accept(sampleAccept(sampleEvent(id, changes)))),
    record: (record) => {
      void journal.record(recordRequest(record, 1 + adapters.indexOf(record.adapter)));
    },
  };
}
