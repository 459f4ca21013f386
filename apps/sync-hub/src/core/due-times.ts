interface Entry<Item> {
  readonly atMs: number;
  readonly item: Item;
}

/** What is due when, earliest first: a binary heap, so that a lane needs one timer and not one for each delivery. */
export class DueTimes<Item> {
  #heap: Entry<Item>[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** When the earliest item is due; Infinity when there is none. */
  get earliestMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  /** The item that is due first, or undefined when there is none. */
  get earliest(): Item | undefined {
    return this.#heap[0]?.item;
  }

  add(atMs: number, item: Item): void {
    const heap = this.#heap;
    let at = heap.length;
    const entry = { atMs, item };
    heap.push(entry);
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Entry<Item>;
      if (parent.atMs <= atMs) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = entry;
  }

  /** Takes out the earliest item, or undefined when there is none. */
  takeEarliest(): Item | undefined {
    const heap = this.#heap;
    const earliest = heap[0];
    const last = heap.pop();
    if (earliest === undefined || last === undefined || heap.length === 0) return earliest?.item;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      let child = heap[childAt];
      if (child === undefined) break;
      const right = heap[childAt + 1];
      if (right !== undefined && right.atMs < child.atMs) {
        child = right;
        childAt += 1;
      }
      if (child.atMs >= last.atMs) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = last;
    return earliest.item;
  }

  /** Takes out one that is due late: none of the rest has to wait for it. */
  takeLate(): Item | undefined {
    return this.#heap.pop()?.item;
  }

  /** Takes out all that are meant. Looks at every item. */
  take(isMeant: (item: Item) => boolean): void {
    // What is sorted is a heap.
    this.#heap = this.#heap.filter(({ item }) => !isMeant(item)).sort((left, right) => left.atMs - right.atMs);
  }

  /** Takes out the earliest of those that are meant, or undefined when there is none. Looks at every item. */
  takeFirst(isMeant: (item: Item) => boolean): Item | undefined {
    let first: Entry<Item> | undefined;
    for (const entry of this.#heap) {
      if ((first === undefined || entry.atMs < first.atMs) && isMeant(entry.item)) first = entry;
    }
    if (first !== undefined) this.take((item) => item === first.item);
    return first?.item;
  }

  /** Takes out the earliest item if it is due by then, or undefined. */
  takeDue(nowMs: number): Item | undefined {
    return this.earliestMs <= nowMs ? this.takeEarliest() : undefined;
  }
}
