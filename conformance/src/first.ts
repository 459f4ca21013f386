/** The first message of a stream that matches; then leaves the stream. */
export async function first<Item>(
  items: AsyncIterable<Item>,
  isWanted: (item: Item) => boolean = () => true,
): Promise<Item> {
  for await (const item of items) if (isWanted(item)) return item;
  throw new Error('the stream ended before a message matched');
}
