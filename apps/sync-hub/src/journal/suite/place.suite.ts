import { onTestFinished } from 'vitest';
import type { RecordedDelivery, ReopenedDelivery } from '../../core/delivery.ts';
import type { AcceptedEvent } from '../../core/event.ts';
import type { Journal, JournalError, JournalObserver } from '../journal.ts';

/** Where one journal's data is: it can be opened, closed and opened again there. */
export interface JournalPlace {
  open(options: PlaceOptions): Promise<Journal>;
  /** Called once, after everything was closed. */
  remove(): Promise<void>;
}

export interface PlaceOptions {
  readonly observer: JournalObserver;
  readonly onFatal: (error: JournalError) => void;
  /** True: there is no room for new events. */
  readonly isFull: boolean;
}

export type CreatePlace = () => Promise<JournalPlace>;

/** What a journal told, in the order in which it was told. */
export type Told =
  | { readonly kind: 'accepted'; readonly events: readonly AcceptedEvent[] }
  | { readonly kind: 'recorded'; readonly records: readonly RecordedDelivery[] }
  | { readonly kind: 'reopened'; readonly deliveries: readonly ReopenedDelivery[] }
  | { readonly kind: 'resolved'; readonly id: string };

export interface OpenedJournal {
  readonly journal: Journal;
  readonly told: Told[];
  readonly fatal: JournalError[];
}

/** A place for the running test and the way to open it; both are cleaned up when the test has finished. */
export async function usePlace(createPlace: CreatePlace) {
  const place = await createPlace();
  const journals: Journal[] = [];
  onTestFinished(async () => {
    for (const journal of journals) await journal.close();
    await place.remove();
  });
  return async ({ isFull = false } = {}): Promise<OpenedJournal> => {
    const told: Told[] = [];
    const fatal: JournalError[] = [];
    const observer: JournalObserver = {
      accepted: (events) => void told.push({ kind: 'accepted', events }),
      recorded: (records) => void told.push({ kind: 'recorded', records }),
      reopened: (deliveries) => void told.push({ kind: 'reopened', deliveries }),
    };
    const journal = await place.open({ observer, onFatal: (error) => void fatal.push(error), isFull });
    journals.push(journal);
    return { journal, told, fatal };
  };
}

/** Opens a new journal for the running test. */
export async function useJournal(createPlace: CreatePlace): Promise<OpenedJournal> {
  const open = await usePlace(createPlace);
  return open();
}

export function toldEvents(told: readonly Told[]): readonly AcceptedEvent[] {
  return told.flatMap((entry) => (entry.kind === 'accepted' ? entry.events : []));
}

export function toldRecords(told: readonly Told[]): readonly RecordedDelivery[] {
  return told.flatMap((entry) => (entry.kind === 'recorded' ? entry.records : []));
}
