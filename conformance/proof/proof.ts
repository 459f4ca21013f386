import { spawn } from 'node:child_process';
import { once } from 'node:events';

/**
 * `npm run proof`: the short forms of all proofs, one after the other, each a process with its own output. In the end
 * how each came out; the last line is their sum, as that of `npm test` is.
 */

interface Proof {
  /** What it shows, in a few words. */
  readonly shows: string;
  /** What to type to run it alone. */
  readonly command: readonly string[];
}

const proofs: readonly Proof[] = [
  { shows: 'the rules hold in every schedule', command: ['npm', 'run', 'sim', '--', '--schedules', '3000'] },
  { shows: 'and a broken rule is noticed', command: ['npm', 'run', 'sim', '--', '--mutants', '--schedules', '500'] },
  { shows: 'no random input is mishandled', command: ['npm', 'run', 'fuzz'] },
  { shows: 'nothing is lost by kill -9', command: ['npm', 'run', 'crash', '--', '--kills', '60'] },
  { shows: 'nothing is lost by a bad disk', command: ['npm', 'run', 'faults', '--', '--short'] },
  { shows: 'an outage dead-letters nothing', command: ['npm', 'run', 'outages', '--', '--short'] },
  { shows: 'a backlog harms nobody', command: ['npm', 'run', 'backlog', '--', '--short'] },
];

const lines: string[] = [];
let failed = 0;
for (const { shows, command } of proofs) {
  console.log(`\n── ${command.join(' ')} ──`);
  const startedMs = performance.now();
  const holds = await run(command);
  if (!holds) failed += 1;
  const seconds = ((performance.now() - startedMs) / 1_000).toFixed(0).padStart(4);
  lines.push(`${holds ? 'ok    ' : 'FAILED'} ${seconds} s  ${shows.padEnd(34)} ${command.join(' ')}`);
}
console.log(`\n${lines.join('\n')}\n\n${proofs.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

/** Whether it ended with 0. */
async function run([program = '', ...args]: readonly string[]): Promise<boolean> {
  const [code] = await once(spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] }), 'exit');
  return code === 0;
}
