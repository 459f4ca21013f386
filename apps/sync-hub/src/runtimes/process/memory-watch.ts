import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A leak of buffers grows by a gigabyte in a second or two; looking costs a small file's reading. */
const INTERVAL_MS = 250;
/** Of every Linux on the machines that Node runs on, except arm64 with large pages, where `ps` is asked. */
const PAGE_BYTES = 4_096;

export interface MemoryWatchOptions {
  readonly pid: number;
  readonly limitBytes: number;
  /** The process has more. Called once. */
  readonly onExceeded: (residentBytes: number) => void;
}

/**
 * Watches how much memory a process has. The heap's own limit does not see buffers, and this does.
 *
 * @returns ends it
 */
export function watchMemory({ pid, limitBytes, onExceeded }: MemoryWatchOptions): () => void {
  let looking = false;
  const timer = setInterval(async () => {
    if (looking) return;
    looking = true;
    const residentBytes = await residentBytesOf(pid);
    looking = false;
    if (residentBytes === undefined || residentBytes <= limitBytes) return;
    clearInterval(timer);
    onExceeded(residentBytes);
  }, INTERVAL_MS);
  return () => clearInterval(timer);
}

/** Undefined when the process is gone, or the system does not say. */
export async function residentBytesOf(pid: number): Promise<number | undefined> {
  try {
    if (process.platform === 'linux' && process.arch === 'x64') {
      const [, pages] = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ');
      return Number(pages) * PAGE_BYTES;
    }
    const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
    return Number(stdout) * 1024 || undefined;
  } catch {
    // It ended meanwhile.
    return undefined;
  }
}
