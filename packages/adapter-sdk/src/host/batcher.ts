/** Passes an item to the next batch and returns its result. */
export type Batcher<Item, Result> = (item: Item) => Promise<Result>;

/**
 * Collects the items that arrive in one turn of the event loop and passes them to one call of `run`, which never rejects
 * and returns one result per item, in order.
 */
export function createBatcher<Item, Result>(
  run: (items: readonly Item[]) => Promise<readonly Result[]>,
): Batcher<Item, Result> {
  let waiting: { readonly item: Item; readonly settle: (result: Promise<Result>) => void }[] = [];

  const flush = () => {
    const batch = waiting;
    waiting = [];
    const results = run(batch.map(({ item }) => item));
    for (const [index, { settle }] of batch.entries()) settle(results.then((all) => resultAt(all, index)));
  };

  return (item) =>
    new Promise((settle) => {
      // setImmediate runs after the microtasks and I/O callbacks of this turn.
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ item, settle });
    });
}

function resultAt<Result>(results: readonly Result[], index: number): Result {
  const result = results[index];
  if (result === undefined) throw new RangeError(`a batch returned no result ${index}`);
  return result;
}
