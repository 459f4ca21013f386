import type { Command } from 'commander';
import { adviceToReaders, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { healthJson } from '../health-json.ts';
import { healthLines } from '../health-lines.ts';
import { healthProblems } from '../health-problems.ts';
import { addressOption } from '../hub-address.ts';
import { stopSignal } from '../stop-signal.ts';
import type { Terminal } from '../terminal.ts';

interface HealthOptions {
  check?: true;
  watch?: true;
  address: string;
  json?: true;
}

/** A hub answers from memory; who asks by a script is not to hang with one that is stuck. */
const ANSWER_LIMIT_MS = 10_000;

export function addHealthCommand(program: Command, terminal: Terminal): void {
  program
    .command('health')
    .description('show the state of the hub, its adapters and their breakers')
    .option('--watch', 'show it again on each change, until Ctrl-C')
    .option('--check', 'fail when anything is not well: for scripts and monitoring')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .addHelpText(
      'after',
      '\nExit code: 0 the hub accepts events, 1 it does not, 6 no hub answered within 10 s.\n' +
        'With --check: 0 all is well; 1 it is not: the hub accepts nothing or has no adapters, an adapter is not READY, a\n' +
        'breaker is not CLOSED, or deliveries wait behind a dead letter or for an adapter that is not configured. Each\n' +
        'reason is a line on stderr.',
    )
    .action((options: HealthOptions) =>
      options.watch ? watchHealth(options, terminal) : showHealth(options, terminal),
    );
}

async function showHealth(options: HealthOptions, { data }: Terminal): Promise<void> {
  const hub = connectToHub(options.address);
  try {
    const { health } = await hub.health.getHealth({}, { timeoutMs: ANSWER_LIMIT_MS });
    if (health === undefined) throw new Failure('the hub answered without its health', ExitCode.failed);
    if (options.json) data.json(healthJson(health));
    else for (const line of healthLines(data, health, Date.now(), options.address)) data.line(line);
    const problems = healthProblems(health, options.address);
    if (health.hub?.accepting !== true || (options.check && problems.length > 0)) {
      throw new Failure((options.check ? problems : problems.slice(0, 1)).join('\n  '), ExitCode.failed);
    }
  } catch (error) {
    throw apiFailure(error, options.address, adviceToReaders);
  } finally {
    hub.close();
  }
}

async function watchHealth(options: HealthOptions, { data }: Terminal): Promise<void> {
  if (options.check) throw new Failure('--watch and --check do not go together', ExitCode.usage);
  const hub = connectToHub(options.address);
  const stop = stopSignal();
  try {
    for await (const { health } of hub.health.watchHealth({}, { signal: stop.signal })) {
      if (health === undefined) continue;
      if (options.json) {
        data.json(healthJson(health));
        continue;
      }
      data.clearScreen();
      for (const line of healthLines(data, health, Date.now(), options.address)) data.line(line);
      if (!data.isTerminal) data.line();
    }
    throw new Failure(`the hub at ${options.address} ended the watch: it may be shutting down`, ExitCode.noAnswer);
  } catch (error) {
    if (!stop.signal.aborted) throw apiFailure(error, options.address, adviceToReaders);
  } finally {
    stop.dispose();
    hub.close();
  }
}
