/** The first thing that a stream tells that is as wanted; then the stream is left. */
export async function first<Item>(
  items: AsyncIterable<Item>,
  isWanted: (item: Item) => boolean = () => true,
): Promise<Item> {
  for await (const item of items) if (isWanted(item)) return item;
  throw new Error('the stream ended before it told what was awaited');
}
