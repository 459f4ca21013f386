import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { Damage } from './damage.ts';

/** The small integers that stand for adapters in every delivery and record. Kept here as the file has them. */
export class Adapters {
  readonly #insert: StatementSync;
  readonly #select: StatementSync;
  #numbers = new Map<string, number>();
  #ids = new Map<number, string>();
  /** The lists that events name, by their text in SQL: there are few different ones. */
  readonly #lists = new Map<string, readonly string[]>();

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare('INSERT INTO adapter (number, id) VALUES (?, ?)');
    this.#select = database.prepare('SELECT number, id FROM adapter');
    this.reload();
  }

  /** Reads again what is in the file: after a rollback took new ones away. */
  reload(): void {
    this.#numbers = new Map(this.#select.all().map((row) => [String(row.id), Number(row.number)]));
    this.#ids = new Map(Array.from(this.#numbers, ([id, number]) => [number, id]));
    this.#lists.clear();
  }

  /** The adapter's number; undefined when no delivery was ever made for it. */
  find(id: string): number | undefined {
    return this.#numbers.get(id);
  }

  /** The adapter's number, given to it now when it is new. */
  number(id: string): number {
    const known = this.#numbers.get(id);
    if (known !== undefined) return known;
    const number = this.#numbers.size + 1;
    this.#insert.run(number, id);
    this.#numbers.set(id, number);
    this.#ids.set(number, id);
    return number;
  }

  id(number: number): string {
    const id = this.#ids.get(number);
    if (id === undefined) throw new Damage(`a row names the unknown adapter number ${number}`);
    return id;
  }

  /** From "1,2,3" as group_concat makes it (null: none) to ids in alphabetical order. */
  list(numbers: string | null): readonly string[] {
    if (numbers === null) return [];
    const known = this.#lists.get(numbers);
    if (known !== undefined) return known;
    const ids = numbers
      .split(',')
      .map((number) => this.id(Number(number)))
      .sort();
    this.#lists.set(numbers, ids);
    return ids;
  }

  /** All of them in alphabetical order of their ids. */
  all(): readonly (readonly [id: string, number: number])[] {
    return [...this.#numbers].sort(([left], [right]) => (left < right ? -1 : 1));
  }
}
