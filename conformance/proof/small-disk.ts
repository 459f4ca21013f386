import { execFile } from 'node:child_process';
import { mkdir, statfs, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A file system of its own, in memory, that is full when a test says so. */
export class SmallDisk {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /** @throws Error that says what is needed, when this user may not mount */
  static async mount(path: string, sizeBytes: number): Promise<SmallDisk> {
    await mkdir(path);
    await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=700`, 'hms-sync-faults', path]).catch((cause) => {
      throw new Error('a small disk cannot be mounted: run this as root, in a container with CAP_SYS_ADMIN', { cause });
    });
    return new SmallDisk(path);
  }

  get #ballast(): string {
    return join(this.path, 'ballast');
  }

  /** Takes room away until so much is left. */
  async leave(freeBytes: number): Promise<void> {
    const taken = Math.max(0, (await this.#freeBytes()) - freeBytes);
    await writeFile(this.#ballast, new Uint8Array(taken), { flag: 'a' }).catch((error: NodeJS.ErrnoException) => {
      // Somebody else was quicker to take the last of it.
      if (error.code !== 'ENOSPC') throw error;
    });
  }

  /** Gives all the room back that was taken away. */
  async makeRoom(): Promise<void> {
    await truncate(this.#ballast);
  }

  async unmount(): Promise<void> {
    // Lazily: whatever still has a file open there must not keep the mount for ever.
    await run('umount', ['--lazy', this.path]);
  }

  async #freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.path);
    return bavail * bsize;
  }
}
