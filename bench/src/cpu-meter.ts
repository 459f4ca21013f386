import { readChildren, readThreadCpu, type ThreadCpu } from './thread-cpu.ts';

/** Microseconds of processor time for one event. */
export interface CpuMicrosPerEvent {
  readonly total: number;
  /** The hub's main thread; what it collects by itself is in here. */
  readonly hubMain: number;
  readonly journal: number;
  /** V8's helper threads in the hub: they collect garbage, and compile a little. */
  readonly garbageCollection: number;
  /** Whatever else the hub runs: file system threads, and the process that outlives it to clean up. */
  readonly hubOther: number;
  /** All processes of the database that holds the journal; 0 without one. */
  readonly database: number;
  /** All threads of all adapters. */
  readonly adapters: number;
  readonly eachAdapter: Readonly<Record<string, number>>;
  /** All threads of the process that publishes and reads the acks. */
  readonly client: number;
}

/** One process that is measured. */
interface Measured {
  readonly pid: number;
  readonly kind: 'hub' | 'adapter' | 'guard' | 'client' | 'database';
  readonly adapterId: string;
  readonly before: ReadonlyMap<string, ThreadCpu>;
}

const HUB_THREADS: Readonly<Record<string, 'hubMain' | 'journal' | 'garbageCollection'>> = {
  MainThread: 'hubMain',
  journal: 'journal',
  V8Worker: 'garbageCollection',
};

/**
 * Measures what the hub, its adapters and this process, the client, use of the processor from its construction on. None
 * of their threads may end meanwhile: its time would go with it.
 */
export class CpuMeter {
  readonly #processes: readonly Measured[];

  /** @throws Error when the system does not say */
  constructor(hubPid: number, databasePids: readonly number[] = []) {
    const children = readChildren(hubPid).map(({ pid, args }) => {
      const place = args.indexOf('--id');
      const adapterId = place < 0 ? '' : (args[place + 1] ?? '');
      return { pid, kind: adapterId === '' ? ('guard' as const) : ('adapter' as const), adapterId };
    });
    const own = [
      { pid: hubPid, kind: 'hub' as const, adapterId: '' },
      { pid: process.pid, kind: 'client' as const, adapterId: '' },
      ...databasePids.map((pid) => ({ pid, kind: 'database' as const, adapterId: '' })),
    ];
    this.#processes = [...own, ...children].map((one) => ({ ...one, before: readThreadCpu(one.pid) }));
  }

  /** The CPU time used since, per event. */
  read(events: number): CpuMicrosPerEvent {
    const sums = { hubMain: 0, journal: 0, garbageCollection: 0, hubOther: 0, database: 0, adapters: 0, client: 0 };
    const eachAdapter: Record<string, number> = {};
    for (const { pid, kind, adapterId, before } of this.#processes) {
      for (const [thread, { name, micros }] of readThreadCpu(pid)) {
        const used = (micros - (before.get(thread)?.micros ?? 0)) / events;
        if (kind === 'client') sums.client += used;
        else if (kind === 'database') sums.database += used;
        else if (kind === 'hub') sums[HUB_THREADS[name] ?? 'hubOther'] += used;
        else if (kind === 'guard') sums.hubOther += used;
        else {
          sums.adapters += used;
          eachAdapter[adapterId] = (eachAdapter[adapterId] ?? 0) + used;
        }
      }
    }
    const total = Object.values(sums).reduce((sum, used) => sum + used, 0);
    return { total, ...sums, eachAdapter };
  }
}
