import { readdirSync, readFileSync } from 'node:fs';

/** What one thread has used of the processor since it began. */
export interface ThreadCpu {
  /** As the system knows it, such as `MainThread`, `V8Worker` or the name of a worker thread. */
  readonly name: string;
  readonly micros: number;
}

/** The first number of a thread's schedstat is its time on a core in nanoseconds: a thousand times finer than `stat`. */
const MICROS_PER_NANO = 1e-3;

/** False where the system does not say what a thread used: anywhere but on Linux. */
export function isThreadCpuKnown(): boolean {
  try {
    readThreadCpu(process.pid);
    return true;
  } catch {
    return false;
  }
}

/** Every thread of a process by its id. @throws Error when the system does not say, or the process has ended */
export function readThreadCpu(pid: number): ReadonlyMap<string, ThreadCpu> {
  const folder = `/proc/${pid}/task`;
  return new Map(
    readdirSync(folder).map((thread) => {
      const name = readFileSync(`${folder}/${thread}/comm`, 'utf8').trimEnd();
      const [nanos] = readFileSync(`${folder}/${thread}/schedstat`, 'utf8').split(' ', 1);
      return [thread, { name, micros: Number(nanos) * MICROS_PER_NANO }];
    }),
  );
}

/** A process that another one started. */
export interface ChildProcess {
  readonly pid: number;
  readonly args: readonly string[];
}

/** The children of a process, whichever of its threads started them. @throws Error as above */
export function readChildren(pid: number): readonly ChildProcess[] {
  const folder = `/proc/${pid}/task`;
  const pids = readdirSync(folder).flatMap((thread) =>
    readFileSync(`${folder}/${thread}/children`, 'utf8').split(' ').filter(Boolean),
  );
  return pids.map((child) => ({
    pid: Number(child),
    args: readFileSync(`/proc/${child}/cmdline`, 'utf8').split('\0'),
  }));
}
