import { randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';
import { type System, systems } from './sandbox-process.ts';

/** What the demo's hub is told. */
export interface HubConfig {
  /** The TCP port on the loopback interface; 0: any free one. */
  port: number;
  /** The folder that gets the configuration file, and the hub's data. Made when it is missing. */
  dataDir: string;
  /** The URL of each outside system. */
  systems: Record<System, string>;
}

/**
 * Writes the configuration of the demo's hub into its data folder, the way a person would write one: it serves as an
 * example, too. The addresses of the sandbox change with each start, so the file is written anew each time.
 *
 * @returns the file's absolute path
 */
export async function writeHubConfig(config: HubConfig): Promise<string> {
  const file = join(resolve(config.dataDir), 'dev.yaml');
  try {
    await mkdir(config.dataDir, { recursive: true });
    // Renamed into place: a hub of another `dev` that starts in this moment reads the old file or the new one.
    await writeFile(`${file}.new`, yamlOf(config));
    await rename(`${file}.new`, file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new Failure(
      `cannot write to the data folder ${config.dataDir} (${code}): choose another with --data-dir`,
      ExitCode.dataFolder,
      { cause: error },
    );
  }
  return file;
}

function tokenVariable(system: System): string {
  return `${system.toUpperCase()}_TOKEN`;
}

/**
 * Makes up a bearer token for each stand-in.
 *
 * @returns the environment of the hub and of the sandbox. The tokens take the place of any real ones in the surrounding
 * shell, so that none of those is ever sent to a stand-in.
 */
export function demoCredentials(): { hub: NodeJS.ProcessEnv; sandbox: NodeJS.ProcessEnv } {
  const tokens = systems.map((system) => [tokenVariable(system), randomUUID()] as const);
  return {
    hub: { ...process.env, ...Object.fromEntries(tokens) },
    sandbox: { ...process.env, ...Object.fromEntries(tokens.map(([name, token]) => [`SANDBOX_${name}`, token])) },
  };
}

function yamlOf({ port, systems: addresses }: HubConfig): string {
  return [
    '# Written by "hms-sync dev" at each start. To keep changes, copy this file and run: hms-sync start --config <copy>',
    `listen: 127.0.0.1:${port}`,
    '# Relative to this file.',
    'dataDir: .',
    'adapters:',
    ...systems.flatMap((system) => [
      `  - package: '@hms-sync/adapter-${system}'`,
      '    config:',
      `      baseUrl: '${addresses[system]}'`,
      `      token: '\${${tokenVariable(system)}}' # read from the environment`,
    ]),
    '',
  ].join('\n');
}
