import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';

/** The configuration of the demo's hub. */
export interface HubConfig {
  /** The TCP port on the loopback interface; 0: any free one. */
  port: number;
  /** The folder that gets the configuration file, and the hub's data. Made when it is missing. */
  dataDir: string;
  adapters: readonly ConfiguredAdapter[];
}

/** An adapter as the configuration names it. */
export interface ConfiguredAdapter {
  package: string;
  /** What it is configured with; a text may hold `${NAME}`, which the hub takes from its environment. */
  config: unknown;
}

const HEAD = `# Written by "hms-sync dev" at each start. To keep changes, copy this file and run: hms-sync start --config copy.yaml
# Paths are relative to this file.
`;

/**
 * Writes the configuration of the demo's hub into its data folder, the way an operator would write one: it serves as an
 * example, too. The addresses of stand-ins change with each start, so the file is written again each time.
 *
 * @returns the file's absolute path
 */
export async function writeHubConfig(config: HubConfig): Promise<string> {
  const file = join(resolve(config.dataDir), 'dev.yaml');
  try {
    // It becomes the hub's data folder, which is for its user alone.
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    // Renamed into place: a hub of another `dev` that starts in this moment reads the old file or the new one.
    await writeFile(`${file}.new`, await yamlOf(config));
    await rename(`${file}.new`, file);
  } catch (error) {
    throw unwritable(config.dataDir, error);
  }
  return file;
}

/** Puts a package where a configuration in the data folder finds it by its name: as if it were installed there. */
export async function linkPackage(
  dataDir: string,
  { packageName, folder }: { packageName: string; folder: string },
): Promise<void> {
  const link = join(resolve(dataDir), 'node_modules', packageName);
  try {
    await mkdir(dirname(link), { recursive: true, mode: 0o700 });
    await rm(link, { recursive: true, force: true });
    // A junction is what Windows lets everybody make; elsewhere the word means nothing.
    await symlink(folder, link, 'junction');
  } catch (error) {
    throw unwritable(dataDir, error);
  }
}

function unwritable(dataDir: string, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
  return new Failure(
    `cannot write to the data folder ${dataDir} (${code}): choose another with --data-dir`,
    ExitCode.dataFolder,
    { cause: error },
  );
}

async function yamlOf({ port, adapters }: HubConfig): Promise<string> {
  // Loaded on demand: no other command needs it.
  const { stringify } = await import('yaml');
  const config = stringify(
    { listen: `127.0.0.1:${port}`, dataDir: '.', adapters },
    { lineWidth: 0, singleQuote: true },
  );
  return `${HEAD}${config}`;
}
