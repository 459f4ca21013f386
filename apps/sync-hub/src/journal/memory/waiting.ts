import type { WaitingStatistics } from '../journal.ts';
import type { DeliveryOnDisk, MemoryDisk } from './memory-disk.ts';

/** What waits at each adapter that something waits at. */
export function waiting(disk: MemoryDisk): readonly WaitingStatistics[] {
  return [...disk.adapters].sort().flatMap((adapter) => {
    const deliveries = disk.events.flatMap(({ event, deliveries: all }) => {
      const delivery = all.get(adapter);
      return delivery === undefined ? [] : [{ event, delivery }];
    });
    const open = deliveries.filter(({ delivery }) => isOpen(delivery));
    const [oldest] = open;
    if (oldest === undefined) return [];
    const dead = deliveries.filter(({ event, delivery }) => event.key !== '' && delivery.state === 'dead_lettered');
    const behind = open.filter(({ event: { key, seq } }) =>
      dead.some(({ event }) => event.key === key && event.seq < seq),
    );
    const { acceptedAtMs } = oldest.event;
    return [{ adapter, unsettled: open.length, oldestAcceptedAtMs: acceptedAtMs, behindDeadLetters: behind.length }];
  });
}

function isOpen({ state }: DeliveryOnDisk): boolean {
  return state === 'waiting' || state === 'retrying';
}
