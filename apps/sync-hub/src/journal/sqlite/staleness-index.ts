import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { stateCodes } from '../codes.ts';
import type { Lane } from './lane-table.ts';
import type { DeliveryRow } from './rows.ts';

/**
 * The keys that had a dead letter at an adapter, and the newest event of each that was delivered there since. Kept
 * apart, because an index over all that was delivered would cost every delivery; this one costs nothing to adapters
 * without dead letters.
 */
export class StalenessIndex {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #raise: StatementSync;
  readonly #select: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(`
      INSERT INTO watched_key (adapter, key, newest_delivered_seq) VALUES (?, ?, 0) ON CONFLICT DO NOTHING`);
    this.#raise = database.prepare(`
      UPDATE watched_key SET newest_delivered_seq = max(newest_delivered_seq, ?) WHERE adapter = ? AND key = ?`);
    this.#delete = database.prepare(`
      DELETE FROM watched_key
      WHERE adapter = :adapter AND key = :key
        AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_open_of_key
          WHERE key = :key AND key <> '' AND adapter = :adapter AND state < 2)
        AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_dead_of_key
          WHERE key = :key AND key <> '' AND adapter = :adapter AND state = 4)`);
    this.#select = database.prepare('SELECT newest_delivered_seq FROM watched_key WHERE adapter = ? AND key = ?');
  }

  /** A delivery with a key changed to this. */
  changed(lane: Lane, { key, seq, state }: DeliveryRow): void {
    if (state === stateCodes.dead_lettered) {
      this.#insert.run(lane.number, key);
      lane.isWatching = true;
    } else if (state === stateCodes.delivered && lane.isWatching) {
      this.#raise.run(seq, lane.number, key);
    }
  }

  /** Ends the watch of a key that has neither open deliveries nor dead letters at the adapter. */
  forget(lane: Lane, key: string): void {
    if (lane.isWatching) this.#delete.run({ adapter: lane.number, key });
  }

  /** 0 when there is none. */
  newestDeliveredSeq(lane: Lane, key: string): number {
    return lane.isWatching ? Number(this.#select.get(lane.number, key)?.newest_delivered_seq ?? 0) : 0;
  }
}
