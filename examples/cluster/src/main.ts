import { parseArgs } from 'node:util';
import { runExample } from './example.ts';
import { ALL, QUICK } from './scenes.ts';

const USAGE = `Three hubs on one PostgreSQL: publishes events, lets hubs and the database fail, and prints what a caller sees.

  --quick   only kill -9 and a planned stop: about 40 s instead of 100 s`;

const EVERY_MS = 500;
const CALM_MS = 4_000;

function readCommandLine(): { readonly quick: boolean } | undefined {
  try {
    return parseArgs({ options: { quick: { type: 'boolean', default: false } } }).values;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exitCode = 2;
    return undefined;
  }
}

const values = readCommandLine();
if (values !== undefined) {
  const stop = new AbortController();
  // The second Ctrl-C ends this process at once, and with it all that it started.
  process.once('SIGINT', () => stop.abort());
  try {
    const { lost, overtaken } = await runExample({
      scenes: values.quick ? QUICK : ALL,
      everyMs: EVERY_MS,
      calmMs: CALM_MS,
      write: (line) => console.log(line),
      isColored: process.stdout.isTTY && process.stdout.hasColors(),
      signal: stop.signal,
    });
    process.exitCode = lost + overtaken === 0 ? 0 : 1;
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exit(130);
  }
}
