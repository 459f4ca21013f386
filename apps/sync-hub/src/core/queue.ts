/** First in, first out, in constant time; Array.shift moves every element that remains. */
export class Queue<Item> {
  #items: (Item | undefined)[] = [];
  #head = 0;

  get size(): number {
    return this.#items.length - this.#head;
  }

  push(item: Item): void {
    this.#items.push(item);
  }

  /** The oldest item, or undefined when there is none. */
  peek(): Item | undefined {
    return this.#items[this.#head];
  }

  /** The newest item, or undefined when there is none. */
  peekLast(): Item | undefined {
    return this.#items.at(-1);
  }

  /** Takes the oldest item out, or undefined when there is none. */
  shift(): Item | undefined {
    if (this.size === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    // Half of it empty: moving the rest now costs no more than the shifts that led here.
    if (this.#head > 32 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** Takes the newest item out, or undefined when there is none. */
  pop(): Item | undefined {
    return this.size === 0 ? undefined : this.#items.pop();
  }

  /** Takes out all that are meant and returns them in their order. Looks at every item. */
  take(isMeant: (item: Item) => boolean): Item[] {
    const items = [...this];
    const taken = items.filter(isMeant);
    if (taken.length === 0) return taken;
    this.#items = items.filter((item) => !isMeant(item));
    this.#head = 0;
    return taken;
  }

  *[Symbol.iterator](): Iterator<Item> {
    for (let at = this.#head; at < this.#items.length; at += 1) yield this.#items[at] as Item;
  }
}
