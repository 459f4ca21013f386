import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { framesOf } from '../host/stack-frames.ts';
import { nameOf } from '../outcome-of.ts';
import { createHubLog, onHubGone, readLaunchSecret, reportToHub } from './hub-channel.ts';
import { keepMemory } from './memory-keeper.ts';
import { serveToHub } from './serve-to-hub.ts';

/**
 * The program that a hub starts for each adapter, from the adapter's own copy of the SDK (the export `./process`):
 * `node <program> --entry <file> --socket <path> --id <id> --version <version> [--load-timeout-ms <n>]`.
 *
 * It serves the default export of the file on the socket, and writes reports to file descriptor 3. It reads the secret of
 * the launch from descriptor 4; when that closes, the hub has ended, and the process kills itself and its children. SIGTERM
 * closes the adapter. Arguments and environment contain no secrets: the configuration arrives with Configure.
 */
const { values } = parseArgs({
  options: {
    entry: { type: 'string' },
    socket: { type: 'string' },
    id: { type: 'string' },
    version: { type: 'string' },
    'load-timeout-ms': { type: 'string' },
  },
  // A newer hub may pass more arguments.
  strict: false,
});

const entry = textOf('entry');
const served = serveToHub(() => import(pathToFileURL(entry).href), {
  adapter: { id: textOf('id'), version: textOf('version') },
  path: textOf('socket'),
  secret: readLaunchSecret(),
  log: createHubLog(),
  ...(typeof values['load-timeout-ms'] === 'string' && { loadTimeoutMs: Number(values['load-timeout-ms']) }),
});

onHubGone(endAll);
process.once('SIGTERM', async () => {
  await (await served).close();
  // exit() would drop unwritten output.
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(0);
});
process.on('uncaughtException', (thrown) => {
  // Not its message, which could contain a payload.
  reportToHub({ kind: 'uncaught', error: nameOf(thrown), at: framesOf(thrown) });
  process.exit(1);
});
await served;
reportToHub({ kind: 'listening' });
keepMemory();

function textOf(name: 'entry' | 'socket' | 'id' | 'version'): string {
  const value = values[name];
  if (typeof value === 'string') return value;
  process.stderr.write(`--${name} is missing; a hub starts this program\n`);
  return process.exit(2);
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

/** Kills the process and its children: the hub made it the leader of a process group. */
function endAll(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // Not started by a hub, so not the leader of a group.
    process.exit(1);
  }
}
