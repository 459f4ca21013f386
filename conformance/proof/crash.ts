import { setTimeout as elapse } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LedgerStack } from './ledger-stack.ts';
import { breachesIn } from './verdict.ts';

/**
 * `npm run crash -- --kills N`: a real hub is killed (SIGKILL) at random instants and started again on its data, while a
 * publisher writes down every ACCEPTED and the sandbox every call. In the end the two are compared.
 */

/** Enough that a kill meets every kind of moment, few enough that each key's order is put to the test. */
const KEYS = 24;
/** From the hub being ready: it accepts, delivers and records at a good pace by then. */
const KILL_AFTER_MS = { least: 30, most: 600 };
/** Calls are under way at the systems for so long, so that kills meet them there. */
const LATENCY = { latencyMs: 4, jitterMs: 12 };

const { values } = parseArgs({ options: { kills: { type: 'string', default: '60' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) throw new Error(`--kills ${values.kills} is no whole number above 0`);

const stack = await LedgerStack.create({ keys: KEYS });
await stack.sandbox.setFault('*', LATENCY);
try {
  for (let kill = 1; kill <= kills; kill += 1) {
    const hub = await stack.start();
    await elapse(KILL_AFTER_MS.least + Math.random() * (KILL_AFTER_MS.most - KILL_AFTER_MS.least));
    stack.pause();
    await hub.kill();
  }
  await stack.start();
  const verdict = await stack.verdict();
  const breaches = breachesIn(verdict);
  for (const breach of breaches.slice(0, 20)) console.error(breach);
  const { lost, overtaken, undeclaredDuplicates, declaredDuplicates } = verdict;
  const { size } = stack.book;
  console.log(
    `${kills} kills, ${size} accepted, ${lost.length} lost, ${overtaken.length} overtaken, ` +
      `${undeclaredDuplicates.length} undeclared duplicates`,
  );
  console.error(`${declaredDuplicates} calls were made again and said so`);
  if (size === 0) console.error('nothing was accepted between the kills: this proved nothing');
  process.exitCode = size > 0 && breaches.length === 0 ? 0 : 1;
} finally {
  await stack.close();
}
