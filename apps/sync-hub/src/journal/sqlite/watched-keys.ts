import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { stateCodes } from './codes.ts';
import type { DeliveryRow } from './rows.ts';

/**
 * The keys that had a dead letter at an adapter, and the newest event of each that was delivered there since. Kept
 * apart, because an index over all that was delivered would cost every delivery; this one costs nothing to adapters
 * without dead letters.
 */
export class WatchedKeys {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #raise: StatementSync;
  readonly #select: StatementSync;
  readonly #selectAdapters: StatementSync;
  /** The adapters with watched keys. */
  #adapters = new Set<number>();

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(`
      INSERT INTO watched_key (adapter, key, newest_delivered_seq)
      SELECT adapter, key, 0 FROM delivery WHERE seq = ? AND adapter = ? AND key <> '' ON CONFLICT DO NOTHING`);
    this.#raise = database.prepare(`
      UPDATE watched_key SET newest_delivered_seq = max(newest_delivered_seq, :seq)
      WHERE adapter = :adapter AND key = (SELECT key FROM delivery WHERE seq = :seq AND adapter = :adapter)`);
    this.#delete = database.prepare(`
      DELETE FROM watched_key
      WHERE adapter = :adapter AND key = :key
        AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_open_of_key
          WHERE adapter = :adapter AND key = :key AND key <> '' AND state < 2)
        AND NOT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_dead_of_key
          WHERE adapter = :adapter AND key = :key AND key <> '' AND state = 4)`);
    this.#select = database.prepare('SELECT newest_delivered_seq FROM watched_key WHERE adapter = ? AND key = ?');
    this.#selectAdapters = database.prepare(`
      SELECT number FROM adapter WHERE EXISTS (SELECT 1 FROM watched_key WHERE watched_key.adapter = adapter.number)`);
    this.reload();
  }

  /** Reads again what is in the file: after a rollback. */
  reload(): void {
    this.#adapters = new Set(this.#selectAdapters.all().map(({ number }) => Number(number)));
  }

  /** A delivery changed to this. */
  changed({ adapter, seq, state }: Pick<DeliveryRow, 'adapter' | 'seq' | 'state'>): void {
    if (state === stateCodes.dead_lettered) {
      this.#insert.run(seq, adapter);
      this.#adapters.add(adapter);
    } else if (state === stateCodes.delivered && this.#adapters.has(adapter)) {
      this.#raise.run({ seq, adapter });
    }
  }

  /** Ends the watch of a key that has neither open deliveries nor dead letters at the adapter. */
  forget(adapter: number, key: string): void {
    if (this.#adapters.has(adapter)) this.#delete.run({ adapter, key });
  }

  newestDeliveredSeq(adapter: number, key: string): number {
    return Number(this.#select.get(adapter, key)?.newest_delivered_seq ?? 0);
  }
}
