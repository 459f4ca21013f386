import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { EVERY_MUTANT } from './mutants/every-mutant.ts';
import { playUntilViolation, SIMULATIONS, type SimulationName, trace } from './play.ts';
import { playOnEveryCore } from './workers.ts';

/**
 * `npm run sim -- --schedules N [--seed S]` plays N seeded schedules of crashes, hangs, clocks, operators, readers and
 * late commits against a whole hub, and N of lost answers, freezes, clocks and failovers against a cluster of hubs that
 * share a database. `--of hub` and `--of cluster` play one of the two. `npm run sim -- --of hub --trace S` prints one
 * schedule line by line. `npm run sim -- --mutants` runs them against one fault of the hub after the other and checks
 * that each is caught; with `--named TEXT` those whose names hold the text.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    of: { type: 'string' },
    trace: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    named: { type: 'string', default: '' },
  },
});
const schedules = wholeNumber('--schedules', values.schedules);
const seed = wholeNumber('--seed', values.seed);
const simulations = SIMULATIONS.filter((name) => values.of === undefined || values.of === name);
const [firstSimulation] = simulations;
if (firstSimulation === undefined) throw new Error(`--of ${values.of} is none of ${SIMULATIONS.join(', ')}`);

/** Each mutant is a process that loads the hub; with the code that Node compiled kept, it starts in half the time. */
const COMPILE_CACHE = fileURLToPath(new URL('../../../node_modules/.cache/node-compile', import.meta.url));

/** Node's exit code when nothing is left to run and the program still waits. */
const NEVER_ENDS = 13;

const isMutated = process.env.HMS_SIM_MUTANT !== undefined;

if (values.mutants) await catchMutants();
else if (values.trace === undefined) for (const simulation of simulations) await playSchedules(simulation);
else await trace(firstSimulation, wholeNumber('--trace', values.trace), (line) => console.log(line));

async function playSchedules(simulation: SimulationName): Promise<void> {
  const startedMs = performance.now();
  // A mutant is in the modules that this thread loads.
  const { violation, steps } = await (isMutated ? playUntilViolation : playOnEveryCore)(simulation, seed, schedules);
  const seconds = (performance.now() - startedMs) / 1_000;
  console.error(`${simulation}: ${steps} steps in ${seconds.toFixed(1)} s, ${Math.round(steps / seconds)} steps/s`);
  if (violation === undefined) {
    console.log(`${simulation}: ${schedules} schedules, 0 violations`);
    return;
  }
  console.log(`schedule ${violation.seed}: ${violation.promise}`);
  const again = `npm run sim -- --of ${simulation}`;
  console.log(
    `again: ${again} --schedules 1 --seed ${violation.seed}; line by line: ${again} --trace ${violation.seed}`,
  );
  process.exitCode = 1;
}

/** As many at a time as there are cores; reported in the order of the list. */
async function catchMutants(): Promise<void> {
  const mutants = EVERY_MUTANT.flatMap(({ name, simulation }, number) =>
    name.includes(values.named) && simulations.includes(simulation)
      ? [{ name, number, simulation, caught: Promise.withResolvers<string | undefined>() }]
      : [],
  );
  const waiting = [...mutants];
  const catchNext = async (): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      await playMutant(mutant).then(mutant.caught.resolve, mutant.caught.reject);
    }
  };
  const catching = Array.from({ length: availableParallelism() }, catchNext);
  let notCaught = 0;
  for (const { name, caught } of mutants) {
    const violation = await caught.promise;
    console.log(violation === undefined ? `NOT CAUGHT: ${name}` : `caught: ${name}: ${violation}`);
    if (violation === undefined) notCaught += 1;
  }
  await Promise.all(catching);
  console.log(`${mutants.length} mutants, ${notCaught} not caught`);
  if (notCaught > 0) process.exitCode = 1;
}

interface PlayedMutant {
  /** In the list of all. */
  readonly number: number;
  readonly simulation: SimulationName;
}

/** What caught it, such as "schedule 4: ..."; undefined when nothing did. */
async function playMutant({ number, simulation }: PlayedMutant): Promise<string | undefined> {
  const hooks = new URL('./mutants/hooks.ts', import.meta.url).href;
  const flags = ['--of', simulation, '--schedules', String(schedules), '--seed', String(seed)];
  const args = [...process.execArgv, '--import', hooks, fileURLToPath(import.meta.url), ...flags];
  const env = { NODE_COMPILE_CACHE: COMPILE_CACHE, ...process.env, HMS_SIM_MUTANT: String(number) };
  try {
    await promisify(execFile)(process.execPath, args, { env });
    return undefined;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    if (code === NEVER_ENDS) return 'a schedule never ends';
    // Only a broken promise counts: a mutant that cannot be loaded is a fault of the mutant.
    if (code !== 1 || !stdout.startsWith('schedule ')) throw new Error(`mutant ${number} did not run: ${stderr}`);
    return stdout.split('\n')[0];
  }
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${flag} ${text} is not a whole number above 0`);
  return number;
}
