import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { FullDisk } from '../journal.ts';

/** Where a store keeps its database, as far as room is concerned. */
export interface Disk {
  /** How little is left, as the answer to new events; undefined while there is room for them. */
  shortage(): FullDisk | undefined;
  /** The same once SQLite found none. */
  full(): FullDisk;
  sizeBytes(): number;
}

/** @param reserveBytes with less than this free new events are refused; what is left is for records */
export function fileDisk(path: string, reserveBytes: number): Disk {
  const full = (): FullDisk => {
    const { bavail, bsize } = statfsSync(dirname(path));
    return { kind: 'full', freeBytes: bavail * bsize, reserveBytes };
  };
  return {
    full,
    shortage() {
      const disk = full();
      return disk.freeBytes < reserveBytes ? disk : undefined;
    },
    sizeBytes: () => statSync(path).size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0),
  };
}
