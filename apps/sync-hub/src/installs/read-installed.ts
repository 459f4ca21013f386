import { satisfies } from 'semver';
import { ManifestError } from '../runtimes/manifest.ts';
import type { AdapterStore, LoadableVersion } from './adapter-store.ts';
import { commandLine, InstallError, upgradeLine } from './install-error.ts';

/** An adapter of the store, as the configuration names it. */
export interface WantedVersion {
  readonly id: string;
  readonly package: string;
  readonly range: string;
}

/**
 * What the store has for an adapter: the version that the lock names, when the range allows it and nobody changed it.
 * Nothing is installed for it, so that the same lock always loads the same.
 *
 * @throws {ManifestError} that says what to do
 */
export async function readInstalled(
  { id, package: name, range }: WantedVersion,
  store: AdapterStore,
): Promise<LoadableVersion> {
  const locked = store.lock.get(id);
  if (locked === undefined || locked.package !== name) {
    const instead = locked === undefined ? '' : `; "${id}" is ${locked.package} there`;
    throw new ManifestError(
      'NOT_FOUND',
      `${name}@${range} is not in adapters.lock${instead}; install it: ${commandLine('adapter', 'add', `${name}@${range}`, '--id', id)}`,
      id,
    );
  }
  const { version, from } = locked.current;
  if (!satisfies(version, range)) {
    throw new ManifestError(
      'NOT_FOUND',
      `adapters.lock has ${name}@${version}, and the configuration allows ${range}; replace it: ${upgradeLine(id, { from, version: range })}`,
      id,
    );
  }
  try {
    return await store.load(id, locked);
  } catch (error) {
    if (!(error instanceof InstallError)) throw error;
    throw new ManifestError('INVALID', error.message, id);
  }
}

/** Why another version loads than the lock names as current; empty when it is that one. */
export function noticeOf({ insteadOf, manifest }: LoadableVersion): string {
  if (insteadOf === undefined) return '';
  return `${insteadOf.version} is not as it was installed (${insteadOf.why}), so ${manifest.version} runs; install it again: ${upgradeLine(manifest.id, insteadOf)}`;
}
