import type { DatabaseSync } from 'node:sqlite';
import type { Deliveries } from './deliveries.ts';
import type { Events } from './events.ts';
import type { Lanes } from './lanes.ts';
import type { CommitNews } from './news.ts';
import type { Records } from './records.ts';
import type { StalenessIndex } from './staleness-index.ts';

/** What the rules of a store are made of. */
export interface Parts {
  readonly database: DatabaseSync;
  readonly lanes: Lanes;
  readonly events: Events;
  readonly deliveries: Deliveries;
  readonly records: Records;
  readonly stalenessIndex: StalenessIndex;
  readonly news: CommitNews;
}
