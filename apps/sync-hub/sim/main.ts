import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { PLANTED_BUGS } from './planted-bugs.ts';
import { playUntilViolation } from './play.ts';

/**
 * `npm run sim -- --schedules N [--seed S]` plays N seeded schedules of crashes, hangs, clocks, operators and late
 * commits against the core. `npm run sim -- --planted` plants one bug after the other and sees each caught.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    planted: { type: 'boolean', default: false },
  },
});
const schedules = wholeNumber('--schedules', values.schedules);
const seed = wholeNumber('--seed', values.seed);

if (values.planted) await catchPlantedBugs();
else playSchedules();

function playSchedules(): void {
  const startedMs = performance.now();
  const violation = playUntilViolation(seed, schedules);
  if (violation === undefined) {
    const seconds = ((performance.now() - startedMs) / 1_000).toFixed(1);
    console.error(`${seconds} s`);
    console.log(`${schedules} schedules, 0 violations`);
    return;
  }
  console.log(`schedule ${violation.seed}: ${violation.promise}`);
  console.log(`again: npm run sim -- --schedules 1 --seed ${violation.seed}`);
  process.exitCode = 1;
}

async function catchPlantedBugs(): Promise<void> {
  for (const [number, bug] of PLANTED_BUGS.entries()) {
    const caught = await playPlanted(number);
    console.log(
      `${caught === undefined ? 'NOT CAUGHT' : 'caught'}: ${bug.name}${caught === undefined ? '' : `: ${caught}`}`,
    );
    if (caught === undefined) process.exitCode = 1;
  }
}

/** What caught it, such as "schedule 4: ..."; undefined when nothing did. */
async function playPlanted(number: number): Promise<string | undefined> {
  const plant = new URL('./plant.ts', import.meta.url).href;
  const args = [
    ...process.execArgv,
    '--import',
    plant,
    fileURLToPath(import.meta.url),
    '--schedules',
    String(schedules),
  ];
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
