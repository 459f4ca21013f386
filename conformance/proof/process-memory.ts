import { execFileSync } from 'node:child_process';

/** What a process holds of the machine's memory (its resident set), in MB of 1,048,576 bytes. */
export function residentMb(pid: number): number {
  const kib = Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' }));
  if (!(kib > 0)) throw new Error(`ps does not know the process ${pid}`);
  return kib / 1_024;
}
