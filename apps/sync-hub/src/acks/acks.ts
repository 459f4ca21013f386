import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import type { Journal } from '../journal/journal.ts';
import { RecentRecords } from './recent-records.ts';
import { TailReader } from './tail-reader.ts';
import type { Tell } from './tell.ts';

/** Called synchronously for each tell of one event; must not throw. */
export type TellListener = (tell: Tell) => void;

/** Records in memory for those who keep up: about two seconds of 2,500 events a second with three adapters. */
const RECENT_RECORDS = 16_384;

/** A page for one reader. With it in memory and nothing else, a slow reader costs the hub no more than this. */
const PAGE_RECORDS = 256;

/**
 * Carries what the lanes recorded to the callers who wait for it. Nothing is told here before it is on disk, but
 * for HELD, which is never on disk.
 */
export class Acks {
  readonly #journal: Pick<Journal, 'readRecords'>;
  readonly #recent: RecentRecords;
  readonly #listeners = new Map<number, Set<TellListener>>();
  readonly #readers = new Set<TailReader>();

  /** @param lastCursor the newest record in the journal */
  constructor(options: { journal: Pick<Journal, 'readRecords'>; lastCursor: number }) {
    this.#journal = options.journal;
    this.#recent = new RecentRecords({ capacity: RECENT_RECORDS, lastCursor: options.lastCursor });
  }

  /** The place of the newest record. */
  get lastCursor(): number {
    return this.#recent.lastCursor;
  }

  /** How many events somebody follows. */
  get followed(): number {
    return this.#listeners.size;
  }

  /** Tells records that are on disk, in the order of their cursors. */
  recorded(records: readonly RecordedDelivery[]): void {
    // With nobody who reads everything they would be kept for nobody, long enough to become old garbage by the
    // thousand; whoever comes with an older cursor reads the journal first anyway.
    if (this.#readers.size > 0) this.#recent.add(records);
    else this.#recent.pass(records);
    for (const record of records) this.#tell(record.seq, { kind: 'recorded', record });
    for (const reader of this.#readers) {
      for (const record of records) reader.recorded(record);
      reader.wake();
    }
  }

  held(held: HeldDelivery): void {
    const tell = { kind: 'held', held } as const;
    this.#tell(held.seq, tell);
    for (const reader of this.#readers) reader.hold(tell);
  }

  /** Listens to one event from now on. Returns what ends that. */
  follow(seq: number, listener: TellListener): () => void {
    const listeners = this.#listeners.get(seq) ?? new Set();
    this.#listeners.set(seq, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#listeners.get(seq) === listeners) this.#listeners.delete(seq);
    };
  }

  /**
   * Every record after a place, a page at a time, for ever: no gap, no repeat. Read at the reader's pace, from the
   * journal when it is behind, so that a slow one is bounded by its page. A reader that has read everything is also
   * told what is held, as it happens.
   */
  async *tail(afterCursor: number, signal: AbortSignal): AsyncGenerator<readonly Tell[], void> {
    let cursor = afterCursor;
    const reader = new TailReader();
    this.#readers.add(reader);
    signal.addEventListener('abort', reader.wake, { once: true });
    try {
      while (!signal.aborted) {
        const recent = this.#recent.after(cursor, PAGE_RECORDS);
        if (recent === undefined) {
          const page = await this.#journal.readRecords({ afterCursor: cursor, limit: PAGE_RECORDS });
          cursor = Math.max(cursor, page.scannedToCursor);
          if (page.records.length > 0) yield page.records.map(recorded);
        } else if (recent.length > 0) {
          cursor = recent.at(-1)?.cursor ?? cursor;
          yield recent.map(recorded);
        } else {
          const held = reader.takeHeld();
          if (held.length > 0) yield held;
          else await reader.somethingNew();
        }
      }
    } finally {
      signal.removeEventListener('abort', reader.wake);
      this.#readers.delete(reader);
    }
  }

  #tell(seq: number, tell: Tell): void {
    for (const listener of this.#listeners.get(seq) ?? []) listener(tell);
  }
}

function recorded(record: RecordedDelivery): Tell {
  return { kind: 'recorded', record };
}
