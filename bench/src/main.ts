import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { startHub } from './hub-process.ts';
import { journalLoad } from './journal-process.ts';
import { type PublishFigures, publishLoad } from './publish-load.ts';

/**
 * `npm run bench`: events a second that three adapters acknowledged, through one PublishStream, beside what the journal
 * alone does in the same run. On a machine whose speed drifts, the share of the two says more than either.
 */

const ADAPTERS = ['noop-a', 'noop-b', 'noop-c'];
const IN_FLIGHT = [1, 64, 1_024];
const PAYLOAD_BYTES = 300;
interface Row extends PublishFigures {
  readonly inFlight: number;
  readonly journalEventsPerSecond: number;
}

/** Not counted: until code is compiled and the file has grown. */
const WARM_UP_SECONDS = 2;

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '8' }, json: { type: 'boolean', default: false } },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds} is no number above 0`);

const rows: Row[] = [];
for (const inFlight of IN_FLIGHT) {
  const journal = await journalLoad({ inFlight, seconds });
  const hub = await measureHub(inFlight);
  rows.push({ inFlight, ...hub, journalEventsPerSecond: journal.eventsPerSecond });
}
if (values.json) for (const row of rows) console.log(JSON.stringify(row));
else printTable();

async function measureHub(inFlight: number) {
  const hub = await startHub({ adapters: ADAPTERS });
  try {
    const load = { address: hub.address, adapters: ADAPTERS.length, inFlight, payloadBytes: PAYLOAD_BYTES };
    await publishLoad({ ...load, seconds: WARM_UP_SECONDS });
    return await publishLoad({ ...load, seconds });
  } finally {
    await hub.stop();
  }
}

function printTable(): void {
  console.log(
    `${ADAPTERS.length} adapters that do nothing, ${PAYLOAD_BYTES} bytes, ${seconds} s each, ${cpus().length} cores\n`,
  );
  console.log('in flight   events/s   p50 ms   p99 ms   journal alone   share');
  for (const { inFlight, eventsPerSecond, latencyMs, journalEventsPerSecond } of rows) {
    const cells = [
      String(inFlight).padStart(9),
      eventsPerSecond.toFixed(0).padStart(8),
      latencyMs.p50.toFixed(1).padStart(6),
      latencyMs.p99.toFixed(1).padStart(6),
      journalEventsPerSecond.toFixed(0).padStart(13),
      `${((100 * eventsPerSecond) / journalEventsPerSecond).toFixed(0)} %`.padStart(5),
    ];
    console.log(cells.join('   '));
  }
}
