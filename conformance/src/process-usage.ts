import { readFile, writeFile } from 'node:fs/promises';

/** What a process has in memory now, in bytes. */
export function residentBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmRSS');
}

/** The same in MB of 1,048,576 bytes. */
export async function residentMb(pid: number): Promise<number> {
  return (await residentBytes(pid)) / 2 ** 20;
}

/** The most that it has had there since the last {@link forgetPeak}, in bytes. */
export function peakResidentBytes(pid: number): Promise<number> {
  return statusBytes(pid, 'VmHWM');
}

/** Linux keeps the peak by itself; writing 5 resets it (proc(5), clear_refs). */
export function forgetPeak(pid: number): Promise<void> {
  return writeFile(`/proc/${pid}/clear_refs`, '5');
}

async function statusBytes(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const [, kilobytes] = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status) ?? [];
  if (kilobytes === undefined) throw new TypeError(`/proc/${pid}/status has no ${field}`);
  return Number(kilobytes) * 1_024;
}

/** Clock ticks of /proc in a second: 100 on every Linux that Node runs on (proc(5), sysconf(3)). */
const TICKS_PER_S = 100;

/** The CPU time that a process has used so far, in ms, of all its threads: what else the machine does adds nothing to it. */
export async function usedCpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // After the name, which may hold anything but ends with the last bracket: utime and stime, fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_S;
}
