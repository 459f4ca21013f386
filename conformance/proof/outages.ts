import { parseArgs } from 'node:util';
import {
  type OutageTimes,
  type Shown,
  showFlapping,
  showOutageOnQuietLane,
  showOutageUnderTraffic,
  showPoison,
} from './outage-statements.ts';

/**
 * `npm run outages`: what an outage does to deliveries, and what a single bad event does, shown against real hubs and
 * stand-ins with the settings that an operator has by default. A line for each statement with what was seen; ends with 1
 * when one does not hold. `-- --short` takes a minute and a half.
 */

const LONG: OutageTimes = { healthyMs: 60_000, outageMs: 90_000, quietOutageMs: 120_000, flapMs: 10_000, flaps: 6 };
const SHORT: OutageTimes = { healthyMs: 8_000, outageMs: 16_000, quietOutageMs: 12_000, flapMs: 10_000, flaps: 2 };

const { values } = parseArgs({ options: { short: { type: 'boolean', default: false } } });
const times = values.short ? SHORT : LONG;

// What is about fractions of a second runs alone; the rest mostly waits, each for its own hub.
const poison = await attempt('2, 3 and 4, on a quiet lane', showPoison);
const others = await Promise.all([
  attempt('1 and 4, under traffic', () => showOutageUnderTraffic(times)),
  attempt('1, on a quiet lane', () => showOutageOnQuietLane(times)),
  attempt('5', () => showFlapping(times)),
]);
const shown = [poison, ...others].flat();
const lines = shown.toSorted((left, right) => (left.statement < right.statement ? -1 : 1));
for (const { statement, seen, holds } of lines)
  console.log(`${holds ? 'ok    ' : 'FAILED'} ${statement}\n       ${seen}`);
process.exitCode = lines.every(({ holds }) => holds) ? 0 : 1;

/** What cannot be shown to its end does not hold. */
async function attempt(statement: string, show: () => Promise<readonly Shown[]>): Promise<readonly Shown[]> {
  try {
    return await show();
  } catch (error) {
    return [{ statement, seen: error instanceof Error ? error.message : String(error), holds: false }];
  }
}
