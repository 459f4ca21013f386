import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { guardFolder, SOCKET_NAME } from './orphan-guard.ts';

/** A folder for one socket, which nobody else may enter. It goes with the hub, also by kill -9. */
export interface SocketFolder {
  /** Where the socket is to be. */
  readonly socket: string;
  /** Idempotent; never rejects. */
  remove(): Promise<void>;
}

export async function makeSocketFolder(): Promise<SocketFolder> {
  // mkdtemp makes it with mode 0700, so that nobody else can connect.
  const path = await mkdtemp(join(tmpdir(), 'hms-sync-'));
  const letGo = guardFolder(basename(path));
  return {
    socket: join(path, SOCKET_NAME),
    remove: async () => {
      // What cannot be removed now the guard tries again.
      await rm(path, { recursive: true, force: true }).then(letGo, () => undefined);
    },
  };
}
