import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { runAdapterDemo } from '../demo/adapter-demo.ts';
import { type Chaos, NO_CHAOS, parseChaos, parsePause } from '../demo/chaos.ts';
import { runDemo } from '../demo/demo.ts';
import { ExitCode, Failure } from '../failure.ts';
import { examples } from '../help.ts';
import { jsonLinesOption } from '../json-options.ts';
import { hubProgram, sandboxProgram } from '../programs.ts';
import { stopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

interface DevOptions {
  once?: true;
  jsonl?: true;
  port: number;
  dataDir?: string;
  adapter?: string;
  chaos?: Chaos;
  every?: number;
}

const DATA_FOLDER = '.hms-sync';
/** Slow enough to read along. */
const EVERY_DEFAULT_MS = 1_000;

/** `hms-sync dev`. */
export function addDevCommand(program: Command, terminal: Terminal): void {
  program
    .command('dev')
    .helpGroup('The hub:')
    .description('run a demo: a hub, adapters, stand-ins and a sample event')
    .option('--once', 'exit when the sample is delivered everywhere; fail after 30 s')
    .addOption(jsonLinesOption())
    .option('--port <port>', "the hub's port; 0: any free port", parsePort, 7003)
    .option(
      '--data-dir <folder>',
      `the hub's data folder (default: ${DATA_FOLDER}, or ${DATA_FOLDER} in the folder of --adapter)`,
    )
    .option(
      '--adapter <folder>',
      'run only the adapter in this folder, with the events and the stand-in of its verify.json',
    )
    .option('--chaos <faults>', 'with --adapter: inject faults, such as latency=2s,fail=30%', parseChaos)
    .option('--every <time>', 'with --adapter: the pause between two sample events (default: 1s)', parsePause)
    .addHelpText(
      'after',
      examples('dev', 'dev --once --jsonl', 'dev --adapter packages/adapter-lab --chaos latency=2s,fail=30%'),
    )
    .action((options: DevOptions) => dev(options, terminal));
}

async function dev({ adapter, chaos, every, ...options }: DevOptions, terminal: Terminal): Promise<void> {
  if (adapter === undefined && (chaos ?? every) !== undefined) {
    throw new Failure('--chaos and --every require --adapter <folder>', ExitCode.usage);
  }
  const stop = stopSignal();
  const shared = {
    port: options.port,
    once: options.once === true,
    asJson: options.jsonl === true,
    hubMain: hubProgram(),
    terminal,
    signal: stop.signal,
  };
  try {
    if (adapter === undefined) {
      const dataDir = options.dataDir ?? DATA_FOLDER;
      await runDemo({ ...shared, dataDir, sandboxMain: sandboxProgram() });
    } else {
      const dataDir = options.dataDir ?? join(adapter, DATA_FOLDER);
      const everyMs = every ?? EVERY_DEFAULT_MS;
      await runAdapterDemo({ ...shared, folder: adapter, dataDir, chaos: chaos ?? NO_CHAOS, everyMs });
    }
  } finally {
    stop.dispose();
  }
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InvalidArgumentError('A port is a whole number from 0 to 65535.');
  return port;
}
