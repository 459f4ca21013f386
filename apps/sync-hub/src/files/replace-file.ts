import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Replaces a small file, for this user alone: the old one or the new one is there, whole, whatever ends the hub or the
 * machine meanwhile, and once it resolves the new one. Not write-file-atomic 8.0.0: it does not sync the folder, so a power
 * cut may bring the old file back, and it takes a write that was cut short for a whole one.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const fresh = `${path}.new`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(fresh, path);
  await syncPath(dirname(path));
}

/** Makes durable what is in a file, or which files a folder has. */
export async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  await file.sync().finally(() => file.close());
}
