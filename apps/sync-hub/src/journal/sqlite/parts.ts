import type { DatabaseSync } from 'node:sqlite';
import type { CommitNews } from '../commit-news.ts';
import type { DeliveryTable } from './delivery-table.ts';
import type { EventTable } from './event-table.ts';
import type { LaneTable } from './lane-table.ts';
import type { RecordTable } from './record-table.ts';
import type { StalenessIndex } from './staleness-index.ts';

/** What the rules of a store are made of. */
export interface Parts {
  readonly database: DatabaseSync;
  readonly lanes: LaneTable;
  readonly events: EventTable;
  readonly deliveries: DeliveryTable;
  readonly records: RecordTable;
  readonly stalenessIndex: StalenessIndex;
  readonly news: CommitNews;
}
