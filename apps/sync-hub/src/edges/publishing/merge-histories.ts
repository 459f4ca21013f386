import type { RecordedDelivery } from '../../core/delivery.ts';

interface History {
  readonly records: readonly RecordedDelivery[];
}

/**
 * The records of some deliveries as one history: those of each adapter in the order in which they were recorded, and of
 * the adapters whichever is older first.
 */
export function mergeHistories(histories: readonly History[]): readonly RecordedDelivery[] {
  const records = histories.flatMap((history) => history.records);
  const lanes = [...Map.groupBy(records, ({ adapter }) => adapter).values()];
  const queues = lanes.map((lane) => lane.toSorted((a, b) => b.position - a.position));
  const merged: RecordedDelivery[] = [];
  while (merged.length < records.length) {
    let oldest: RecordedDelivery[] | undefined;
    for (const queue of queues) {
      const next = queue.at(-1);
      if (next !== undefined && next.atMs < (oldest?.at(-1)?.atMs ?? Number.POSITIVE_INFINITY)) oldest = queue;
    }
    const record = oldest?.pop();
    if (record === undefined) break;
    merged.push(record);
  }
  return merged;
}
