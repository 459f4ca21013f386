import { parseArgs } from 'node:util';
import { trace } from './play.ts';
import { playOnEveryCore } from './workers.ts';

/**
 * `npm run sim -- --schedules N [--seed S]` plays N seeded schedules of crashes, hangs, clocks, operators, readers and
 * late commits against a whole hub. `npm run sim -- --trace S` prints one of them line by line. `npm run sim --
 * --mutants` runs it against one fault of the hub after the other and checks that each is caught; with `--named TEXT`
 * those whose names hold the text.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    trace: { type: 'string' },
    mutants: { type: 'boolean', default: false },
    named: { type: 'string', default: '' },
  },
});
const schedules = wholeNumber('--schedules', values.schedules);
const seed = wholeNumber('--seed', values.seed);

if (values.trace !== undefined) await trace(wholeNumber('--trace', values.trace), (line) => console.log(line));
else await playSchedules();

async function playSchedules(): Promise<void> {
  const startedMs = performance.now();
  const { violation, steps } = await playOnEveryCore(seed, schedules);
  const seconds = (performance.now() - startedMs) / 1_000;
  console.error(`${steps} steps in ${seconds.toFixed(1)} s, ${Math.round(steps / seconds)} steps/s`);
  if (violation === undefined) {
    console.log(`${schedules} schedules, 0 violations`);
    return;
  }
  console.log(`schedule ${violation.seed}: ${violation.promise}`);
  console.log(`again: npm run sim -- --schedules 1 --seed ${violation.seed}; line by line: --trace ${violation.seed}`);
  process.exitCode = 1;
}

function wholeNumber(flag: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw new Error(`${flag} ${text} is not a whole number above 0`);
  return number;
}
