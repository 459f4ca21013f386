import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';

/** What the demo's hub is told. */
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

/**
 * Writes the configuration of the demo's hub into its data folder, the way a person would write one: it serves as an
 * example, too. The addresses of stand-ins change with each start, so the file is written anew each time.
 *
 * @returns the file's absolute path
 */
export async function writeHubConfig(config: HubConfig): Promise<string> {
  const file = join(resolve(config.dataDir), 'dev.yaml');
  try {
    // It becomes the hub's data folder, which is for its user alone.
    await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
    // Renamed into place: a hub of another `dev` that starts in this moment reads the old file or the new one.
    await writeFile(`${file}.new`, yamlOf(config));
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

function yamlOf({ port, adapters }: HubConfig): string {
  return [
    '# Written by "hms-sync dev" at each start. To keep changes, copy this file and run: hms-sync start --config copy.yaml',
    `listen: 127.0.0.1:${port}`,
    '# Relative to this file.',
    'dataDir: .',
    'adapters:',
    ...adapters.flatMap((adapter) => [`  - package: ${scalar(adapter.package)}`, ...configLines(adapter.config)]),
    '',
  ].join('\n');
}

function configLines(config: unknown): string[] {
  if (typeof config !== 'object' || config === null) return [];
  return [
    '    config:',
    ...Object.entries(config).map(([name, value]) => `      ${fieldName(name)}: ${scalar(value)}`),
  ];
}

/** A text in quotes; anything else as JSON, which is YAML too. */
function scalar(value: unknown): string {
  const isPlain = typeof value === 'string' && /^[ -~]*$/.test(value);
  return isPlain ? `'${value.replaceAll("'", "''")}'` : JSON.stringify(value);
}

function fieldName(name: string): string {
  return /^[A-Za-z_]\w*$/.test(name) ? name : JSON.stringify(name);
}
