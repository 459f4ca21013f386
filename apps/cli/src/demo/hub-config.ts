import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';

/** The configuration of the demo's hub. */
export interface HubConfig {
  /** The TCP port on the loopback interface; 0: any free one. */
  port: number;
  /** The folder of the configuration file and the hub's data. Created if missing. */
  dataDir: string;
  adapters: readonly ConfiguredAdapter[];
}

/** An adapter in the configuration. */
export interface ConfiguredAdapter {
  package: string;
  /** Its configuration; texts may contain `${NAME}`, which the hub reads from its environment. */
  config: unknown;
}

const HEAD = `# Written by "hms-sync dev" at each start. To keep changes, copy this file and run: hms-sync start --config copy.yaml
# Paths are relative to this file.
`;

/**
 * Writes the configuration of the demo's hub into its data folder, also as an example for operators. It is written at each
 * start, because the ports of the stand-ins change.
 *
 * @returns the file's absolute path
 */
export async function writeHubConfig(config: HubConfig): Promise<string> {
  const file = join(resolve(config.dataDir), 'dev.yaml');
  try {
    // The hub requires that only its user can access its data folder.
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    // Atomic, for the hub of another `dev` that starts at the same time.
    await writeFile(`${file}.new`, await yamlOf(config));
    await rename(`${file}.new`, file);
  } catch (error) {
    throw unwritable(config.dataDir, error);
  }
  return file;
}

/** Links a package into the node_modules of the data folder, where the hub finds it by its name. */
export async function linkPackage(
  dataDir: string,
  { packageName, folder }: { packageName: string; folder: string },
): Promise<void> {
  const link = join(resolve(dataDir), 'node_modules', packageName);
  try {
    await mkdir(dirname(link), { recursive: true, mode: 0o700 });
    await rm(link, { recursive: true, force: true });
    // On Windows, any user can create a junction; other systems ignore the type.
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
