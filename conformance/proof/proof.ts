import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * `npm run proof`: the short forms of all proofs, each a process whose output is printed once it has ended. It does not
 * repeat what `npm test` does: its schedules begin after those of the tests, and random cases are `npm run fuzz`. At the
 * end it prints the result of each; the last line is their sum, as that of `npm test` is.
 */

interface Proof {
  /** What it shows, in a few words. */
  readonly shows: string;
  /** What to type to run it alone. */
  readonly command: readonly string[];
}

interface Result extends Proof {
  readonly holds: boolean;
  readonly seconds: number;
  readonly output: string;
}

/** These mostly wait: for outages to pass, for disks, for hubs to start. Two run at a time, in this order. */
const waiting: readonly Proof[] = [
  { shows: 'an outage dead-letters nothing', command: ['npm', 'run', 'outages', '--', '--short'] },
  { shows: 'nothing is lost by damage', command: faults('damage') },
  { shows: 'nothing is lost by a failing disk', command: faults('io-error') },
  { shows: 'nothing is lost by a full disk', command: faults('full-disk') },
  { shows: 'nothing is reported before its fsync', command: faults('sync-order') },
  { shows: 'who has no right to it reaches nothing', command: ['npm', 'run', 'attack'] },
  { shows: 'any hub of several may die', command: ['npm', 'run', 'cluster', '--', '--faults', '3', '--seed', '1'] },
  { shows: 'nothing is lost by kill -9', command: ['npm', 'run', 'crash', '--', '--kills', '20'] },
];
/** It measures, so nothing runs beside it. */
const measuring: readonly Proof[] = [
  { shows: 'a backlog harms nobody', command: ['npm', 'run', 'backlog', '--', '--short'] },
];
/** Each uses one core. */
const working: readonly Proof[] = [
  {
    shows: 'the rules hold in every schedule',
    command: ['npm', 'run', 'sim', '--', '--schedules', '2000', '--seed', '401'],
  },
  { shows: 'and a broken rule is noticed', command: ['npm', 'run', 'sim', '--', '--mutants', '--schedules', '500'] },
];

/** Of a command that failed without a list of what did. */
const LAST_LINES = 10;

const results = [...(await runAll(waiting, 2)), ...(await runAll(measuring, 1)), ...(await runAll(working, 2))];

const failed = results.filter(({ holds }) => !holds);
if (failed.length > 0) console.log(`\nFailed:\n${failed.flatMap(failuresOf).join('\n')}`);
const lines = results.map(({ holds, seconds, shows, command }) => {
  return `${holds ? 'ok    ' : 'FAILED'} ${seconds.toFixed(0).padStart(4)} s  ${shows.padEnd(38)} ${command.join(' ')}`;
});
console.log(`\n${lines.join('\n')}\n\n${results.length - failed.length} passed, ${failed.length} failed`);
process.exitCode = failed.length === 0 ? 0 : 1;

function faults(family: string): readonly string[] {
  return ['npm', 'run', 'faults', '--', '--short', '--only', family];
}

/** Starts them in their order, so many at a time; the results are in that order too. */
async function runAll(proofs: readonly Proof[], atOnce: number): Promise<readonly Result[]> {
  const left = proofs.entries();
  const results: Result[] = [];
  const runNext = async (): Promise<void> => {
    for (const [index, proof] of left) results[index] = await run(proof);
  };
  await Promise.all(Array.from({ length: atOnce }, runNext));
  return results;
}

/** It holds when its command ends with 0. */
async function run(proof: Proof): Promise<Result> {
  const [program = '', ...args] = proof.command;
  const startedMs = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  console.log(`\n── ${proof.command.join(' ')} ──\n${output}`);
  return { ...proof, holds: code === 0, seconds: (performance.now() - startedMs) / 1_000, output };
}

/** The list that it printed of what failed, else its last lines. */
function failuresOf({ command, output }: Result): readonly string[] {
  const printed = output.split('\n').filter((line) => line.trim() !== '');
  const list = output.match(/^Failed:\n((?: .+\n)+)/m)?.[1];
  const failures = list === undefined ? printed.slice(-LAST_LINES) : list.trimEnd().split('\n');
  return failures.map((line) => `  ${command.join(' ')}: ${line}`);
}
