import { type Command, InvalidArgumentError } from 'commander';
import { runDemo } from '../demo/demo.ts';
import { hubProgram, sandboxProgram } from '../programs.ts';
import { stopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

interface DevOptions {
  once?: true;
  json?: true;
  port: number;
  dataDir: string;
}

export function addDevCommand(program: Command, terminal: Terminal): void {
  program
    .command('dev')
    .description('try it: a hub, three adapters and stand-ins for the outside systems, with one sample event')
    .option('--once', 'end when the sample is delivered everywhere; fail when it is not within 30 s')
    .option('--json', 'print acks as JSON objects, one a line, and nothing else on stdout')
    .option('--port <port>', "the hub's port; 0 takes a free one", parsePort, 7003)
    .option('--data-dir <folder>', 'where events are kept', '.hms-sync')
    .action((options: DevOptions) => dev(options, terminal));
}

async function dev(options: DevOptions, terminal: Terminal): Promise<void> {
  const stop = stopSignal();
  try {
    await runDemo({
      port: options.port,
      dataDir: options.dataDir,
      once: options.once === true,
      asJson: options.json === true,
      hubMain: hubProgram(),
      sandboxMain: sandboxProgram(),
      terminal,
      signal: stop.signal,
    });
  } finally {
    stop.dispose();
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
  return port;
}
