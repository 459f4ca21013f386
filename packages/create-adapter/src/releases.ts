import { readFileSync } from 'node:fs';

/** The packages that a new adapter begins with, each in the one version that this release was tried with. */
export interface Releases {
  readonly '@hms-sync/adapter-sdk': string;
  readonly '@hms-sync/cli': string;
  readonly '@types/node': string;
  readonly node: string;
  readonly typescript: string;
}

/** They are this package's own devDependencies, which nobody installs and every release of it keeps up. */
export function releases(): Releases {
  const manifest: { readonly devDependencies: Releases } = JSON.parse(
    readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
  );
  return manifest.devDependencies;
}

/** What the SDK and the command run on. Kept to the SDK's own engines by a test. */
export const NODE_MIN = '24.15.0';
