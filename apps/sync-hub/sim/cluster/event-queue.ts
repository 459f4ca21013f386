interface QueuedEvent {
  readonly atMs: number;
  readonly number: number;
  readonly happen: () => void;
}

/** Events in the order of their times; those of one time in the order in which they were added. A binary heap. */
export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #added = 0;
  /** The time of the simulation, which no hub knows. */
  nowMs = 0;

  /** @param delayMs from now */
  after(delayMs: number, happen: () => void): void {
    const heap = this.#heap;
    const event = { atMs: this.nowMs + Math.max(0, delayMs), number: this.#added, happen };
    this.#added += 1;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, event)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = event;
  }

  /** Lets everything happen that is due by this time, or until `isOver` says that it is enough. */
  runUntil(untilMs: number, isOver: () => boolean): void {
    while (!isOver()) {
      const [first] = this.#heap;
      if (first === undefined || first.atMs > untilMs) break;
      this.#removeFirst();
      this.nowMs = first.atMs;
      first.happen();
    }
    this.nowMs = Math.max(this.nowMs, untilMs);
  }

  #removeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[2 * index + 1];
      const right = heap[2 * index + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const child = isRight ? right : left;
      if (child === undefined || isBefore(last, child)) break;
      heap[index] = child;
      index = 2 * index + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(left: QueuedEvent, right: QueuedEvent): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.number < right.number);
}
