// A demo in a process of its own, with the fake programs: for tests of how such a process ends.
import { runDemo } from '../src/demo/demo.ts';
import { Failure } from '../src/failure.ts';
import { stopSignal } from '../src/stop-signal.ts';
import { createTerminal } from '../src/terminal.ts';

const [dataDir = '', way] = process.argv.slice(2);
const stop = stopSignal();
try {
  await runDemo({
    port: 0,
    dataDir,
    once: way === 'once',
    asJson: false,
    hubMain: import.meta.resolve('./hub-process.ts'),
    sandboxMain: import.meta.resolve('./sandbox-process.ts'),
    terminal: createTerminal(process.stdout, process.stderr, process.env),
    signal: stop.signal,
    settleLimitMs: 300,
  });
} catch (error) {
  if (!(error instanceof Failure)) throw error;
  process.exitCode = error.exitCode;
} finally {
  stop.dispose();
}
