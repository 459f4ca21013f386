import type { PruneRequest, PruneResult } from '../retention.ts';
import type { EventOnDisk, MemoryDisk } from './memory-disk.ts';

export function prune(disk: MemoryDisk, request: PruneRequest): PruneResult {
  const { settledBeforeMs, afterSeq = 0, maxEvents, maxRecords } = request;
  const looked = disk.events.filter(({ event }) => event.seq > afterSeq).slice(0, maxEvents);
  let [events, records] = [0, 0];
  for (const stored of looked) {
    if (!isOver(disk, stored, settledBeforeMs)) continue;
    const before = records;
    records += shorten(disk, stored, maxRecords - records);
    const isShort = stored.deliveries.values().every((delivery) => delivery.records.length <= 1);
    if (before >= maxRecords || !isShort) return { events, records, next: stored.event.seq - 1 };
    records += remove(disk, stored);
    events += 1;
  }
  const isYoung = looked.every(({ event }) => event.acceptedAtMs >= settledBeforeMs);
  const next = looked.length < maxEvents || isYoung ? undefined : looked.at(-1)?.event.seq;
  if (next === undefined) forgetJobs(disk, settledBeforeMs);
  return { events, records, next };
}

/** Deletes so many records at most, of each delivery those behind the newest; how many it were. */
function shorten(disk: MemoryDisk, { deliveries }: EventOnDisk, recordsMax: number): number {
  let deleted = 0;
  for (const [adapter, delivery] of [...deliveries].sort(inAdapterOrder)) {
    const { records } = delivery;
    const count = Math.max(0, Math.min(records.length - 1, recordsMax - deleted));
    const kept = records.length - 1 - count;
    for (const { cursor } of records.slice(kept, -1)) delete disk.records[cursor - 1];
    deliveries.set(adapter, { ...delivery, records: records.slice(0, kept).concat(records.slice(-1)) });
    deleted += count;
  }
  return deleted;
}

function inAdapterOrder([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number {
  return left < right ? -1 : 1;
}

function isOver(disk: MemoryDisk, { event, deliveries }: EventOnDisk, settledBeforeMs: number): boolean {
  if (event.seq === disk.events.length) return false;
  let settledAtMs = event.acceptedAtMs;
  for (const { state, records } of deliveries.values()) {
    const last = records.at(-1);
    if (state === 'waiting' || state === 'retrying' || state === 'dead_lettered') return false;
    if (last?.cursor === disk.records.length) return false;
    settledAtMs = Math.max(settledAtMs, last?.atMs ?? 0);
  }
  return settledAtMs < settledBeforeMs;
}

/** How many records went with it. */
function remove(disk: MemoryDisk, { event, deliveries }: EventOnDisk): number {
  const records = [...deliveries.values()].flatMap((delivery) => delivery.records);
  for (const { cursor } of records) delete disk.records[cursor - 1];
  delete disk.events[event.seq - 1];
  disk.eventsById.delete(event.id);
  for (const adapter of deliveries.keys()) forgetKey(disk, adapter, event.key);
  return records.length;
}

/** A key without open deliveries and dead letters at the adapter is watched no more. */
function forgetKey(disk: MemoryDisk, adapter: string, key: string): void {
  const isWanted = disk.events.some(({ event, deliveries }) => {
    const state = event.key === key ? deliveries.get(adapter)?.state : undefined;
    return state === 'waiting' || state === 'retrying' || state === 'dead_lettered';
  });
  const place = disk.watchedKeys.findIndex((watched) => watched.adapter === adapter && watched.key === key);
  if (!isWanted && place >= 0) disk.watchedKeys.splice(place, 1);
}

function forgetJobs(disk: MemoryDisk, createdBeforeMs: number): void {
  for (const { id, state, createdAtMs } of disk.jobs.values()) {
    if (state !== 'running' && createdAtMs < createdBeforeMs) disk.jobs.delete(id);
  }
}
