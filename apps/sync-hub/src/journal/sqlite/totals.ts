import type { DatabaseSync } from 'node:sqlite';
import type { DeliveryTotals } from '../journal.ts';
import { isOpenCode, stateCodes } from './codes.ts';

interface Total {
  unsettled: number;
  deadLetters: number;
}

/** How many deliveries of each adapter are open or dead: counted once, over the partial indexes, then kept. */
export class Totals {
  readonly #byAdapter: Map<number, Total>;

  private constructor(byAdapter: Map<number, Total>) {
    this.#byAdapter = byAdapter;
  }

  static count(database: DatabaseSync): Totals {
    const totals = new Totals(new Map());
    const unsettled = countByAdapter(database, 'delivery_open', 'state < 2');
    const deadLetters = countByAdapter(database, 'delivery_dead', 'state = 4');
    for (const [adapter, count] of unsettled) totals.#of(adapter).unsettled = count;
    for (const [adapter, count] of deadLetters) totals.#of(adapter).deadLetters = count;
    return totals;
  }

  copy(): Totals {
    return new Totals(new Map(Array.from(this.#byAdapter, ([adapter, total]) => [adapter, { ...total }])));
  }

  added(adapter: number): void {
    this.#of(adapter).unsettled++;
  }

  changed(adapter: number, from: number, to: number): void {
    const total = this.#of(adapter);
    total.unsettled += Number(isOpenCode(to)) - Number(isOpenCode(from));
    total.deadLetters += Number(to === stateCodes.dead_lettered) - Number(from === stateCodes.dead_lettered);
  }

  read(adapters: Iterable<readonly [id: string, number: number]>): readonly DeliveryTotals[] {
    return Array.from(adapters, ([adapter, number]) => ({ adapter, ...this.#of(number) }));
  }

  #of(adapter: number): Total {
    const known = this.#byAdapter.get(adapter);
    if (known !== undefined) return known;
    const total = { unsettled: 0, deadLetters: 0 };
    this.#byAdapter.set(adapter, total);
    return total;
  }
}

function countByAdapter(database: DatabaseSync, index: string, condition: string): Map<number, number> {
  const rows = database
    .prepare(`SELECT adapter, count(*) AS count FROM delivery INDEXED BY ${index} WHERE ${condition} GROUP BY adapter`)
    .all();
  return new Map(rows.map((row) => [Number(row.adapter), Number(row.count)]));
}
