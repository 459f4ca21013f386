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
/** From the hub being ready, at random up to this: first so many events are accepted, whatever the machine's load, then
 * so long passes. So a kill meets a hub that just began, and one that accepts, delivers and records at a good pace. */
const KILL_AFTER = { accepted: 400, ms: 200 };
/** A hub that accepts nothing for so long is killed all the same. */
const ACCEPTED_WITHIN_MS = 10_000;
/** Calls are under way at the systems for so long, so that kills meet them there. */
const LATENCY = { latencyMs: 4, jitterMs: 12 };

/** Of so many some must meet a call. */
const MEANINGFUL_KILLS = 20;

const { values } = parseArgs({ options: { kills: { type: 'string', default: '60' } } });
const kills = Number(values.kills);
if (!Number.isInteger(kills) || kills < 1) throw new Error(`--kills ${values.kills} is no whole number above 0`);

const stack = await LedgerStack.create({ keys: KEYS });
await stack.sandbox.setFault('*', LATENCY);
try {
  for (let kill = 1; kill <= kills; kill += 1) {
    const hub = await stack.start();
    const accepted = stack.accepted(Math.floor(Math.random() * KILL_AFTER.accepted));
    await Promise.race([accepted, elapse(ACCEPTED_WITHIN_MS, undefined, { ref: false })]);
    await elapse(Math.random() * KILL_AFTER.ms);
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
  const provesNothing = declaredDuplicates === 0 && kills >= MEANINGFUL_KILLS;
  if (provesNothing) console.error('no kill met a call that was under way: this proved nothing');
  process.exitCode = size > 0 && !provesNothing && breaches.length === 0 ? 0 : 1;
} finally {
  await stack.close();
}
