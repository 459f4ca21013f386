import { chmodSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ListenError, type Listener, listen } from './listener.ts';
import type { HttpHandler } from './messages.ts';

/** What a socket's address holds on every system (sun_path of macOS, without its last zero). */
const PATH_BYTES_MAX = 103;

/** Where the hub of a data folder has its socket. */
export function hubSocketPath(dataDir: string): string {
  return join(dataDir, 'hub.sock');
}

/**
 * Listens on the hub's Unix socket, which only the hub's own user can open: whoever comes by it is an administrator.
 *
 * @param dataDir the data folder, which is private, and locked by this hub: a socket that is there is of one that ended
 * @throws {ListenError}
 */
export async function listenOnSocket(dataDir: string, handler: HttpHandler): Promise<Listener> {
  const path = hubSocketPath(dataDir);
  const length = Buffer.byteLength(path);
  if (length > PATH_BYTES_MAX) {
    throw new ListenError(
      `the path of the hub's socket has ${length} bytes, at most ${PATH_BYTES_MAX} are possible: ${path}; choose a data folder with a shorter path`,
    );
  }
  rmSync(path, { force: true });
  const listener = await listen({ path }, handler);
  chmodSync(path, 0o600);
  return listener;
}
