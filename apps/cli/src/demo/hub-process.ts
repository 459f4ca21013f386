import { resolve } from 'node:path';
import { ExitCode, Failure } from '../failure.ts';
import { Child, type ChildOptions } from './child.ts';

/** The prefix of the error that ends the hub. */
const ERROR_PREFIX = 'hms-sync: ';

/** Options of the hub's process. */
export interface HubLaunch extends Pick<ChildOptions, 'main' | 'env' | 'conditions' | 'onErrorLine'> {
  configFile: string;
  port: number;
  dataDir: string;
}

/** Starts a hub from a configuration file. */
export function launchHub({ configFile, port, dataDir, ...options }: HubLaunch): Child {
  return new Child({
    ...options,
    name: 'hub',
    // Both are also in the file, but the environment takes precedence over the file.
    args: ['--dev', '--config', configFile, '--listen', `127.0.0.1:${port}`, '--data-dir', resolve(dataDir)],
    complaintIn: (line) => (line.startsWith(ERROR_PREFIX) ? line.slice(ERROR_PREFIX.length) : undefined),
  });
}

/** Waits until the hub accepts events, and returns its URL. */
export async function hubReady(hub: Child): Promise<string> {
  const ready = await hub.ready().catch(adviseOnStart);
  if (typeof ready !== 'object' || ready === null || !('address' in ready) || typeof ready.address !== 'string') {
    throw new Failure('the hub did not print its address', ExitCode.failed);
  }
  return ready.address;
}

/** Adds the option of `dev` to the hub's error, which only mentions its configuration. */
function adviseOnStart(error: unknown): never {
  if (error instanceof Failure && error.exitCode === ExitCode.cannotListen) {
    throw new Failure(`${error.message}\n  With dev: --port <port>, or --port 0 for any free one.`, error.exitCode);
  }
  if (error instanceof Failure && error.exitCode === ExitCode.dataFolder) {
    throw new Failure(`${error.message}\n  With dev: --data-dir <folder>.`, error.exitCode);
  }
  throw error;
}
