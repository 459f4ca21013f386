/** Deliveries that have a name in common. */
export interface DeliveryGroup {
  readonly name: string;
  readonly deliveries: number;
}

/** A journal may hold a million keys: this many names are distinguished, and what comes after them is counted together. */
const NAMES_MAX = 10_000;

/** Counts deliveries by name, within a bound of memory. */
export class DeliveryGroups {
  readonly #counts = new Map<string, number>();
  #deliveries = 0;

  /** In all. */
  get deliveries(): number {
    return this.#deliveries;
  }

  add(name: string): void {
    this.#deliveries += 1;
    const count = this.#counts.get(name);
    if (count !== undefined || this.#counts.size < NAMES_MAX) this.#counts.set(name, (count ?? 0) + 1);
  }

  /** The largest first, those of the same size in alphabetical order. */
  largest(groupsMax: number): readonly DeliveryGroup[] {
    return [...this.#counts]
      .map(([name, deliveries]) => ({ name, deliveries }))
      .sort((a, b) => b.deliveries - a.deliveries || (a.name < b.name ? -1 : 1))
      .slice(0, groupsMax);
  }
}
