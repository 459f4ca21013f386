import { mkdtemp, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { guardFolder, SOCKET_NAME, socketsHome } from './orphan-guard.ts';

/** mkdtemp adds six characters. */
const PREFIX = 'hms-sync-';

/** A folder for one socket, which nobody else may enter. It goes with the hub, also by kill -9. */
export interface SocketFolder {
  /** Where the socket is to be. */
  readonly socket: string;
  /** Idempotent; never rejects. */
  remove(): Promise<void>;
}

export async function makeSocketFolder(): Promise<SocketFolder> {
  // mkdtemp makes it with mode 0700, so that nobody else can connect.
  const path = await mkdtemp(join(socketsHome(), PREFIX));
  const letGo = guardFolder(basename(path));
  return {
    socket: join(path, SOCKET_NAME),
    remove: async () => {
      // What cannot be removed now the guard tries again.
      await rm(path, { recursive: true, force: true }).then(letGo, () => undefined);
    },
  };
}
