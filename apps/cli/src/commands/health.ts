import type { Command } from 'commander';
import { adviceToReaders, apiFailure } from '../api-failure.ts';
import { connectToHub } from '../client.ts';
import { ExitCode, Failure } from '../failure.ts';
import { healthJson } from '../health-json.ts';
import { healthLines } from '../health-lines.ts';
import { addressOption } from '../hub-address.ts';
import { stopSignal } from '../stop-signal.ts';
import { printable, type Terminal } from '../terminal.ts';

interface HealthOptions {
  watch?: true;
  address: string;
  json?: true;
}

export function addHealthCommand(program: Command, terminal: Terminal): void {
  program
    .command('health')
    .description('show how the hub, its adapters and their breakers stand')
    .option('--watch', 'show it again on each change, until Ctrl-C')
    .addOption(addressOption())
    .option('--json', 'print one JSON object a line')
    .addHelpText('after', '\nExit code: 0 the hub accepts events, 1 it does not, 6 no hub answered.')
    .action((options: HealthOptions) =>
      options.watch ? watchHealth(options, terminal) : showHealth(options, terminal),
    );
}

async function showHealth(options: HealthOptions, { data }: Terminal): Promise<void> {
  const hub = connectToHub(options.address);
  try {
    const { health } = await hub.health.getHealth({});
    if (health === undefined) throw new Failure('the hub answered without its health', ExitCode.failed);
    if (options.json) data.json(healthJson(health));
    else for (const line of healthLines(data, health, Date.now())) data.line(line);
    if (health.hub?.accepting !== true) {
      throw new Failure(
        `the hub accepts no events: ${printable(health.hub?.notAcceptingReason ?? '')}`,
        ExitCode.failed,
      );
    }
  } catch (error) {
    throw apiFailure(error, options.address, adviceToReaders);
  } finally {
    hub.close();
  }
}

async function watchHealth(options: HealthOptions, { data }: Terminal): Promise<void> {
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
      for (const line of healthLines(data, health, Date.now())) data.line(line);
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
