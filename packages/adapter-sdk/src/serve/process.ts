import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { framesOf } from '../host/stack-frames.ts';
import { nameOf } from '../outcome-of.ts';
import { createHubLog, onHubGone, readLaunchSecret, tellHub } from './hub-channel.ts';
import { keepMemory } from './memory-keeper.ts';
import { serveToHub } from './serve-to-hub.ts';

/**
 * The program that a hub starts for each adapter, from the adapter's own copy of the SDK (its export `./process`):
 * `node <program> --entry <file> --socket <path> --id <id> --version <version> [--load-timeout-ms <n>]`.
 *
 * It serves the default export of the file on the socket and reports to the hub by file descriptor 3. On descriptor 4
 * comes the secret that the hub shows with its calls; it ends when the hub is gone, and then so does the process with all
 * that it started. SIGTERM closes the adapter in order. No secret comes by arguments or environment: the configuration
 * comes by Configure.
 */
const { values } = parseArgs({
  options: {
    entry: { type: 'string' },
    socket: { type: 'string' },
    id: { type: 'string' },
    version: { type: 'string' },
    'load-timeout-ms': { type: 'string' },
  },
  // A newer hub may say more than this SDK knows.
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
  // Leaving would cut off what still waits to be written.
  await Promise.all([written(process.stdout), written(process.stderr)]);
  process.exit(0);
});
process.on('uncaughtException', (thrown) => {
  // Not its message, which could hold a payload.
  tellHub({ kind: 'uncaught', error: nameOf(thrown), at: framesOf(thrown) });
  process.exit(1);
});
await served;
tellHub({ kind: 'listening' });
keepMemory();

function textOf(name: 'entry' | 'socket' | 'id' | 'version'): string {
  const value = values[name];
  if (typeof value === 'string') return value;
  process.stderr.write(`--${name} is missing; this program is started by a hub\n`);
  return process.exit(2);
}

function written(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve());
  });
}

/** The process and whatever it started: the hub made it the leader of a group of its own. */
function endAll(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    // Started by something else than a hub, and so the leader of no group.
    process.exit(1);
  }
}
