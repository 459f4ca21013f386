/** What was accepted, by key, in the order in which the hub accepted it. */
export class OrderBook {
  readonly #places = new Map<string, { readonly key: string; readonly place: number }>();
  readonly #next = new Map<string, number>();
  readonly #waiting = new Set<{ readonly size: number; readonly resolve: () => void }>();

  get size(): number {
    return this.#places.size;
  }

  get ids(): readonly string[] {
    return [...this.#places.keys()];
  }

  /** Events of one key must be added in the order of their acceptance. */
  add(id: string, key: string): void {
    const place = this.#next.get(key) ?? 0;
    this.#next.set(key, place + 1);
    this.#places.set(id, { key, place });
    for (const waiter of this.#waiting) {
      if (waiter.size > this.size) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Its place among the accepted events of its key; undefined when it was never acknowledged. */
  placeOf(id: string): number | undefined {
    return this.#places.get(id)?.place;
  }

  /** Resolves when it has this many events. */
  async reaches(size: number): Promise<void> {
    if (this.size >= size) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.add({ size, resolve });
    await promise;
  }
}
