/**
 * What a receiver recognises a delivery by: the same for every attempt and replay, another for each adapter, so that
 * two systems behind one gateway do not take each other's for duplicates.
 */
export function idempotencyKey(eventId: string, adapter: string): string {
  return `${eventId}:${adapter}`;
}
