/** Hands several items to one call and each its own result. */
export type Batcher<Item, Result> = (item: Item) => Promise<Result>;

/**
 * Collects the items that arrive in one turn of the event loop and hands them to one call of `run`, which never
 * rejects and returns one result for each item, in order.
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
      // setImmediate runs once the turn's microtasks and I/O callbacks are through: all that came together is here.
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ item, settle });
    });
}

function resultAt<Result>(results: readonly Result[], index: number): Result {
  const result = results[index];
  if (result === undefined) throw new RangeError(`a batch gave no result ${index}`);
  return result;
}
