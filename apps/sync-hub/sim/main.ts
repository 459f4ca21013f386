import { execFile } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { EVERY_PLANTED_BUG } from './planted/every-planted-bug.ts';
import { playUntilViolation } from './play.ts';
import { playOnEveryCore } from './players.ts';

/**
 * `npm run sim -- --schedules N [--seed S]` plays N seeded schedules of crashes, hangs, clocks, operators, readers and
 * late commits, each against the core of one lane and against a whole hub. `npm run sim -- --planted` plants one bug
 * after the other and sees each caught; with `--named TEXT` those whose names hold the text.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    planted: { type: 'boolean', default: false },
    named: { type: 'string', default: '' },
  },
});
const schedules = wholeNumber('--schedules', values.schedules);
const seed = wholeNumber('--seed', values.seed);
const isPlanted = process.env.HMS_SIM_PLANT !== undefined;

if (values.planted) await catchPlantedBugs();
else await playSchedules();

async function playSchedules(): Promise<void> {
  const startedMs = performance.now();
  // A bug is planted into the sources as this thread loads them.
  const { violation, steps } = await (isPlanted ? playUntilViolation : playOnEveryCore)(seed, schedules);
  const seconds = (performance.now() - startedMs) / 1_000;
  console.error(`${seconds.toFixed(1)} s: each schedule once with the core of one lane and once with a whole hub`);
  console.error(`${steps} steps, ${Math.round(steps / seconds)} steps/s`);
  if (violation === undefined) {
    console.log(`${schedules} schedules, 0 violations`);
    return;
  }
  console.log(`schedule ${violation.seed} (${violation.world}): ${violation.promise}`);
  console.log(`again: npm run sim -- --schedules 1 --seed ${violation.seed}`);
  process.exitCode = 1;
}

/** As many at a time as there are cores; told in the order of the list. */
async function catchPlantedBugs(): Promise<void> {
  const bugs = EVERY_PLANTED_BUG.flatMap(({ name }, number) =>
    name.includes(values.named) ? [{ name, number, caught: Promise.withResolvers<string | undefined>() }] : [],
  );
  const waiting = [...bugs];
  const catchNext = async (): Promise<void> => {
    for (let bug = waiting.shift(); bug !== undefined; bug = waiting.shift()) {
      await playPlanted(bug.number).then(bug.caught.resolve, bug.caught.reject);
    }
  };
  const catching = Array.from({ length: availableParallelism() }, catchNext);
  for (const { name, caught } of bugs) {
    const schedule = await caught.promise;
    console.log(schedule === undefined ? `NOT CAUGHT: ${name}` : `caught: ${name}: ${schedule}`);
    if (schedule === undefined) process.exitCode = 1;
  }
  await Promise.all(catching);
}

/** What caught it, such as "schedule 4 (hub): ..."; undefined when nothing did. */
async function playPlanted(number: number): Promise<string | undefined> {
  const plant = new URL('./plant.ts', import.meta.url).href;
  const flags = ['--schedules', String(schedules), '--seed', String(seed)];
  const args = [...process.execArgv, '--import', plant, fileURLToPath(import.meta.url), ...flags];
  const env = { ...process.env, HMS_SIM_PLANT: String(number) };
  try {
    await promisify(execFile)(process.execPath, args, { env });
    return undefined;
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    // Only a broken promise counts: a plant that does not fit its source is a fault of the plant.
    if (code !== 1 || !stdout.startsWith('schedule ')) throw new Error(`planted bug ${number} did not run: ${stderr}`);
    return stdout.split('\n')[0];
  }
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${flag} ${text} is no whole number above 0`);
  return number;
}
