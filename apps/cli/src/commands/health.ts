import type { Command } from 'commander';
import { ExitCode, Failure } from '../failure.ts';
import { healthJson, healthLines, healthProblems } from '../health-report.ts';
import { examples } from '../help.ts';
import { addressOption } from '../hub-address.ts';
import { followHub, readHub } from '../hub-client.ts';
import { type JsonOptions, jsonLinesOption, jsonOption } from '../json-options.ts';
import type { Terminal } from '../terminal.ts';

interface HealthOptions extends JsonOptions {
  check?: true;
  watch?: true;
  address: string;
}

/** A hub responds from memory; a script must not hang if it is stuck. */
const ANSWER_LIMIT_MS = 10_000;

/** `hms-sync health`. */
export function addHealthCommand(program: Command, terminal: Terminal): void {
  program
    .command('health')
    .helpGroup('The hub:')
    .description('show the state of the hub, its adapters and their breakers')
    .option('--watch', 'print it again on each change, until Ctrl-C')
    .option(
      '--check',
      'for scripts: also fail when there are no adapters, an adapter is not READY, ' +
        'a breaker is not CLOSED, or deliveries wait behind a dead letter or for an adapter that is not configured',
    )
    .addOption(addressOption())
    .addOption(jsonOption())
    .addOption(jsonLinesOption())
    .addHelpText('after', examples('health', 'health --watch', 'health --check'))
    .action((options: HealthOptions) => (options.watch ? watch(options, terminal) : show(options, terminal)));
}

async function show({ check, address, json, jsonl }: HealthOptions, { data }: Terminal): Promise<void> {
  const health = await readHub(address, async (hub) => {
    const answer = await hub.health.getHealth({}, { timeoutMs: ANSWER_LIMIT_MS });
    if (answer.health === undefined) throw new Failure('the response of the hub has no health', ExitCode.failed);
    return answer.health;
  });
  if (json || jsonl) data.json(healthJson(health));
  else for (const line of healthLines(data, health, { nowMs: Date.now(), address })) data.line(line);
  const problems = healthProblems(health, address);
  if (health.hub?.accepting !== true || (check && problems.length > 0)) {
    throw new Failure((check ? problems : problems.slice(0, 1)).join('\n  '), ExitCode.failed);
  }
}

async function watch({ check, address, json, jsonl }: HealthOptions, { data }: Terminal): Promise<void> {
  if (check) throw new Failure('--watch and --check cannot be combined', ExitCode.usage);
  if (json) throw new Failure('--watch prints several documents: use --jsonl instead of --json', ExitCode.usage);
  await followHub(address, async (hub, signal) => {
    for await (const { health } of hub.health.watchHealth({}, { signal })) {
      if (health === undefined) continue;
      if (jsonl) {
        data.json(healthJson(health));
        continue;
      }
      data.clearScreen();
      for (const line of healthLines(data, health, { nowMs: Date.now(), address })) data.line(line);
      if (!data.isTerminal) data.line();
    }
    throw new Failure(`the hub at ${address} ended the watch: it may be shutting down`, ExitCode.noAnswer);
  });
}
