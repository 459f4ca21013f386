import type { RecordedState } from '../../core/delivery.ts';
import type { MemoryDisk, WatchedKey } from './memory-disk.ts';

interface Step {
  readonly adapter: string;
  readonly key: string;
  readonly seq: number;
  readonly state: RecordedState;
}

/** Begins to watch a key with its first dead letter; from then on notes what of it is delivered. */
export function watch(disk: MemoryDisk, { adapter, key, seq, state }: Step): void {
  if (key === '') return;
  const place = placeOf(disk, { adapter, key });
  const known = disk.watchedKeys[place];
  if (state === 'dead_lettered' && known === undefined) {
    disk.watchedKeys.push({ adapter, key, newestDeliveredSeq: 0 });
  }
  if (state === 'delivered' && known !== undefined) {
    disk.watchedKeys[place] = { ...known, newestDeliveredSeq: Math.max(known.newestDeliveredSeq, seq) };
  }
}

export function newestDeliveredSeq(disk: MemoryDisk, watched: Pick<WatchedKey, 'adapter' | 'key'>): number {
  return disk.watchedKeys[placeOf(disk, watched)]?.newestDeliveredSeq ?? 0;
}

function placeOf(disk: MemoryDisk, { adapter, key }: Pick<WatchedKey, 'adapter' | 'key'>): number {
  return disk.watchedKeys.findIndex((watched) => watched.adapter === adapter && watched.key === key);
}
