import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * `npm run proof`: the short forms of all proofs, one after the other, each a process with its own output. It does not
 * repeat what `npm test` does: its schedules begin after those of the tests, and random cases are `npm run fuzz`. At the
 * end it prints the result of each; the last line is their sum, as that of `npm test` is.
 */

interface Proof {
  /** What it shows, in a few words. */
  readonly shows: string;
  /** What to type to run it alone. */
  readonly command: readonly string[];
}

const proofs: readonly Proof[] = [
  {
    shows: 'the rules hold in every schedule',
    command: ['npm', 'run', 'sim', '--', '--schedules', '2000', '--seed', '401'],
  },
  { shows: 'and a broken rule is noticed', command: ['npm', 'run', 'sim', '--', '--mutants', '--schedules', '500'] },
  { shows: 'nothing is lost by kill -9', command: ['npm', 'run', 'crash', '--', '--kills', '30'] },
  { shows: 'nothing is lost by a bad disk', command: ['npm', 'run', 'faults', '--', '--short'] },
  { shows: 'an outage dead-letters nothing', command: ['npm', 'run', 'outages', '--', '--short'] },
  { shows: 'a backlog harms nobody', command: ['npm', 'run', 'backlog', '--', '--short'] },
];

/** Of a command that failed without a list of what did. */
const LAST_LINES = 10;

const lines: string[] = [];
const failures: string[] = [];
let failed = 0;
for (const { shows, command } of proofs) {
  console.log(`\n── ${command.join(' ')} ──`);
  const startedMs = performance.now();
  const { holds, output } = await run(command);
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4);
  lines.push(`${holds ? 'ok    ' : 'FAILED'} ${seconds} s  ${shows.padEnd(34)} ${command.join(' ')}`);
  if (holds) continue;
  failed += 1;
  failures.push(...failuresIn(output).map((line) => `  ${command.join(' ')}: ${line}`));
}
if (failures.length > 0) console.log(`\nFailed:\n${failures.join('\n')}`);
console.log(`\n${lines.join('\n')}\n\n${proofs.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Passes its output on; whether it ended with 0. */
async function run([program = '', ...args]: readonly string[]): Promise<{ holds: boolean; output: string }> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.pipe(process.stdout, { end: false });
  child.stderr.pipe(process.stderr, { end: false });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  const [code] = await once(child, 'close');
  return { holds: code === 0, output };
}

/** The list that it printed of what failed, else its last lines. */
function failuresIn(output: string): readonly string[] {
  const printed = output.split('\n').filter((line) => line.trim() !== '');
  const list = output.match(/^Failed:\n((?: .+\n)+)/m)?.[1];
  return list === undefined ? printed.slice(-LAST_LINES) : list.trimEnd().split('\n');
}
