import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldBy } from '../core/lane-messages.ts';
import type { ReadRecordsRequest, ReadRecordsResult } from '../journal/journal.ts';
import { isAfter, type Positions } from '../journal/positions.ts';
import { Acks } from './acks.ts';
import type { FollowableEvent, Gates } from './followed-events.ts';

/** An event that somebody can follow. */
export function followable(seq: number, changes: Partial<FollowableEvent> = {}): FollowableEvent {
  return { seq, id: `e${seq}`, source: 'hms-api', key: '', adapters: ['billing'], ...changes };
}

/** Lanes as a test wants them. */
export class TestGates implements Gates {
  /** What holds the deliveries of each adapter. */
  readonly shut = new Map<string, HeldBy>();
  /** The deliveries that run, by their seqs. */
  readonly running = new Set<number>();
  readonly holding = new Set<string>();

  heldBy(adapter: string, { seq }: { readonly seq: number }): HeldBy | undefined {
    return this.running.has(seq) ? undefined : this.shut.get(adapter);
  }

  holdsKeys(adapter: string): boolean {
    return this.holding.has(adapter);
  }
}

/** Acks on a journal that keeps everything it was given. */
export function createAcks({ before = [] }: { readonly before?: readonly RecordedDelivery[] } = {}) {
  const stored = [...before];
  const reads: ReadRecordsRequest[] = [];
  const gates = new TestGates();
  const positions: Positions = new Map(before.map(({ adapter, position }) => [adapter, position]));
  const journal = {
    info: { id: '4bf92f35', location: 'memory', positions },
    async readRecords({ after, limit }: ReadRecordsRequest): Promise<ReadRecordsResult> {
      reads.push({ after: new Map(after), limit });
      const found = stored.filter((record) => isAfter(record, after));
      return { records: found.slice(0, limit), isEnd: found.length <= limit };
    },
  };
  const acks = new Acks({ journal, gates, wallMs: () => 1_790_000_000_000 });
  const add = (...records: readonly RecordedDelivery[]) => {
    stored.push(...records);
    acks.committed({ records, reopened: [] });
  };
  return { acks, add, reads, gates, stored };
}
