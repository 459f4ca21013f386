import { parseArgs } from 'node:util';
import { type BadAdapter, badAdapters } from './bad-adapters.ts';
import { type TrialResult, tryBadAdapter } from './hostile-trial.ts';

/**
 * `npm run adapters:hostile [-- --only <name>]`: a real hub with two good adapters and one bad one at a time, each in a
 * process of its own. A line for each: what its operator sees, the p99 of the good lanes as a ratio to that without harm
 * in the same run, and whether it recovered. Ends with 1 when a hub ends, a good lane loses, repeats or reorders
 * anything or is slowed, a secret leaks, or one does not recover. Linux only.
 */

/** Far from what a hub can do, and enough for a p99 of a short window. */
const EVENTS_PER_SECOND = 200;
const SPAN = { warmUpMs: 1_000, calmMs: 1_500, eventsPerSecond: EVENTS_PER_SECOND };
/** A bad adapter may take a whole core for seconds, of as few as two: that shows, and it stays bearable. */
const P99_RATIO_MAX = 3;
/** Below this a ratio is noise: nobody waits for it. */
const P99_BEARABLE_MS = 50;
/** Whatever else the machine does slows, too, but not three times out of three in the same place. */
const TRIES_MAX = 3;
const MEMORY_RISE_MAX_MB = 128;

const { values } = parseArgs({ options: { only: { type: 'string' } } });
const chosen = badAdapters.filter(({ name }) => values.only === undefined || values.only === name);
if (chosen.length === 0) {
  throw new Error(`--only ${values.only} is none of ${badAdapters.map(({ name }) => name).join(', ')}`);
}

const startedAtMs = performance.now();
let failed = 0;
console.log(`${'bad adapter'.padEnd(20)} p99 with/without harm     hub's RSS  recovered  what its operator sees`);
for (const bad of chosen) {
  let result = await tryBadAdapter(bad, SPAN);
  console.log(`${bad.name.padEnd(20)} ${report(result)}`);
  for (let tries = 1; tries < TRIES_MAX && result.breaches.length === 0 && isSlower(bad, result); tries += 1) {
    result = await tryBadAdapter(bad, SPAN);
    console.log(`${'  measured again'.padEnd(20)} ${report(result)}`);
  }
  const shortfalls = [...result.breaches, ...costs(bad, result)];
  for (const shortfall of shortfalls) console.log(`  short of its promise: ${shortfall}`);
  if (shortfalls.length > 0) failed += 1;
}
const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0);
console.log(`${chosen.length} bad adapters, ${failed} did harm to others, in ${seconds} s`);
process.exitCode = failed === 0 ? 0 : 1;

function report({ seen, deadLetters, calmP99Ms, harmP99Ms, memoryRiseBytes, recoveredMs }: TrialResult): string {
  const ratio = `${harmP99Ms.toFixed(0)}/${calmP99Ms.toFixed(0)} ms = ${(harmP99Ms / calmP99Ms).toFixed(2)}`;
  const memory = `+${(memoryRiseBytes / 2 ** 20).toFixed(0)} MB`;
  const recovered = `${(recoveredMs / 1_000).toFixed(1)} s`;
  const letters = deadLetters === 0 ? '' : `; dead letters: ${deadLetters}`;
  return `${ratio.padEnd(24)} ${memory.padStart(9)}  ${recovered.padStart(9)}  ${seen}${letters}`;
}

function isSlower({ p99RatioMax = P99_RATIO_MAX }: BadAdapter, { calmP99Ms, harmP99Ms }: TrialResult): boolean {
  return harmP99Ms > calmP99Ms * p99RatioMax && harmP99Ms > P99_BEARABLE_MS;
}

function costs(bad: BadAdapter, result: TrialResult): readonly string[] {
  const isFat = result.memoryRiseBytes > MEMORY_RISE_MAX_MB * 2 ** 20;
  return [
    ...(isSlower(bad, result)
      ? [`the p99 of the others is over ${bad.p99RatioMax ?? P99_RATIO_MAX} times as long`]
      : []),
    ...(isFat ? [`the hub's RSS rose by more than ${MEMORY_RISE_MAX_MB} MB`] : []),
  ];
}
