import { createHash } from 'node:crypto';
import { readFileSync, realpathSync, statSync } from 'node:fs';
import { hostname } from 'node:os';

/**
 * The name of the hub of a data folder, such as `sync-1-0a1b2c3d`: the same for each process of the folder, and for no other
 * folder, so that whoever copies one has another.
 */
export function hubName(dataDir: string): string {
  const path = realpathSync(dataDir);
  const { ino, dev } = statSync(path);
  const folder = createHash('sha256')
    .update(JSON.stringify([machineId(), path, ino, dev]))
    .digest('hex');
  return `${hostname()}-${folder.slice(0, 8)}`;
}

function machineId(): string {
  try {
    return readFileSync('/etc/machine-id', 'utf8');
  } catch {
    return '';
  }
}
