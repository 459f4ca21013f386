import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { Client } from 'pg';
import { CpuMeter, type CpuMicrosPerEvent } from './cpu-meter.ts';
import { startHub } from './hub-process.ts';
import { journalLoad } from './journal-process.ts';
import { type PublishFigures, publishLoad } from './publish-load.ts';
import { isThreadCpuKnown } from './thread-cpu.ts';
import { printTrace } from './trace.ts';

/**
 * `npm run bench`: events a second that three adapters acknowledged, through one PublishStream, and what one event costs of
 * the processor, by process and thread; beside it what the journal alone does in the same run. On a machine whose speed
 * drifts or that others use, the cost of an event and the share of the journal say more than events a second.
 * `-- --journal postgres` measures each load twice, on the embedded journal and on a PostgreSQL that is started for it.
 * `-- --tokens` measures each load twice, at a hub without authentication and at one that serves callers with a token.
 * `-- --in-flight 64,1024 --hub-only` measures these alone, `-- --json` prints a line of JSON for each, `-- --trace` prints the
 * way of an event instead.
 */

const ADAPTERS = ['noop-a', 'noop-b', 'noop-c'];
const ALL_LOADS = '1,64,1024';
const PAYLOAD_BYTES = 300;
interface Row extends PublishFigures {
  readonly inFlight: number;
  readonly withTokens: boolean;
  readonly isOnPostgres: boolean;
  /** Undefined where the system does not say. */
  readonly cpuMicrosPerEvent: CpuMicrosPerEvent | undefined;
  /** Undefined when it was not measured. */
  readonly journalEventsPerSecond: number | undefined;
}

/** Not counted: until code is compiled and the file has grown. */
const WARM_UP_SECONDS = 4;

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '8' },
    'in-flight': { type: 'string', default: ALL_LOADS },
    'hub-only': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    trace: { type: 'boolean', default: false },
    tokens: { type: 'boolean', default: false },
    journal: { type: 'string', default: 'embedded' },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds ${values.seconds} is no number above 0`);
const loads = values['in-flight'].split(',').map(Number);
if (!loads.every((inFlight) => Number.isSafeInteger(inFlight) && inFlight > 0)) {
  throw new Error(`--in-flight ${values['in-flight']} is not a list of numbers above 0, such as 64,1024`);
}

if (values.trace) {
  const inFlight = values['in-flight'] === ALL_LOADS ? 64 : (loads[0] ?? 64);
  await printTrace({
    adapters: ADAPTERS,
    inFlight,
    payloadBytes: PAYLOAD_BYTES,
    seconds,
    warmUpSeconds: WARM_UP_SECONDS,
  });
  process.exit();
}

if (!['embedded', 'postgres'].includes(values.journal)) {
  throw new Error(`--journal ${values.journal} is neither embedded nor postgres`);
}
const database = values.journal === 'postgres' ? await PostgresServer.create() : undefined;
const rows: Row[] = [];
for (const inFlight of loads) {
  const journal = values['hub-only'] ? undefined : await journalLoad({ inFlight, seconds });
  for (const withTokens of values.tokens ? [false, true] : [false]) {
    for (const isOnPostgres of database === undefined ? [false] : [false, true]) {
      const hub = await measureHub({ inFlight, withTokens, isOnPostgres });
      const alone = isOnPostgres ? undefined : journal?.eventsPerSecond;
      rows.push({ inFlight, withTokens, isOnPostgres, ...hub, journalEventsPerSecond: alone });
    }
  }
}
await database?.close();
if (values.json) for (const row of rows) console.log(JSON.stringify(row));
else {
  printTable();
  printCpu();
}

async function measureHub({
  inFlight,
  withTokens,
  isOnPostgres,
}: Pick<Row, 'inFlight' | 'withTokens' | 'isOnPostgres'>) {
  const journalUrl = isOnPostgres ? database?.url() : undefined;
  const hub = await startHub({ adapters: ADAPTERS, withTokens, journalUrl });
  try {
    const load = {
      address: hub.address,
      token: hub.token,
      adapters: ADAPTERS.length,
      inFlight,
      payloadBytes: PAYLOAD_BYTES,
    };
    await publishLoad({ ...load, seconds: WARM_UP_SECONDS });
    const pids = journalUrl === undefined ? [] : await readProcesses(journalUrl);
    const meter = isThreadCpuKnown() ? new CpuMeter(hub.pid, pids) : undefined;
    const figures = await publishLoad({ ...load, seconds });
    return { ...figures, cpuMicrosPerEvent: meter?.read(figures.events) };
  } finally {
    await hub.stop();
  }
}

/** All that the server runs now: of what begins later, such as autovacuum, nothing is counted. */
async function readProcesses(url: string): Promise<readonly number[]> {
  const client = new Client(url);
  await client.connect();
  const { rows: found } = await client.query<{ pid: number }>(
    'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
  );
  await client.end();
  return found.map(({ pid }) => pid);
}

/** How a row differs from one without options. */
function noteOf({ withTokens, isOnPostgres }: Row): string {
  return `${withTokens ? '   with a token' : ''}${isOnPostgres ? '   on PostgreSQL' : ''}`;
}

function printTable(): void {
  console.log(
    `${ADAPTERS.length} adapters that do nothing, ${PAYLOAD_BYTES} bytes, ${seconds} s each, ${cpus().length} cores\n`,
  );
  console.log('in flight   events/s   p50 ms   p99 ms   journal alone   share');
  for (const row of rows) {
    const { inFlight, eventsPerSecond, latencyMs, journalEventsPerSecond: alone } = row;
    const cells = [
      String(inFlight).padStart(9),
      eventsPerSecond.toFixed(0).padStart(8),
      latencyMs.p50.toFixed(1).padStart(6),
      latencyMs.p99.toFixed(1).padStart(6),
      (alone?.toFixed(0) ?? '-').padStart(13),
      (alone === undefined ? '-' : `${((100 * eventsPerSecond) / alone).toFixed(0)} %`).padStart(5),
    ];
    console.log(`${cells.join('   ')}${noteOf(row)}`);
  }
}

function printCpu(): void {
  console.log('\nmicroseconds of processor time for one event (gc: V8 helper threads of the hub)');
  console.log(
    `in flight   total   hub main   journal   database    gc   other   ${ADAPTERS.map((id) => id.padStart(6)).join('   ')}   client`,
  );
  for (const row of rows) {
    const { inFlight, cpuMicrosPerEvent: cpu } = row;
    if (cpu === undefined) {
      console.log(`${String(inFlight).padStart(9)}   not measured: only Linux says what a thread used`);
      continue;
    }
    const cells = [
      String(inFlight).padStart(9),
      cpu.total.toFixed(0).padStart(5),
      cpu.hubMain.toFixed(0).padStart(8),
      cpu.journal.toFixed(0).padStart(7),
      cpu.database.toFixed(0).padStart(8),
      cpu.garbageCollection.toFixed(0).padStart(3),
      cpu.hubOther.toFixed(0).padStart(5),
      ...ADAPTERS.map((id) => (cpu.eachAdapter[id] ?? 0).toFixed(0).padStart(6)),
      cpu.client.toFixed(0).padStart(6),
    ];
    console.log(`${cells.join('   ')}${noteOf(row)}`);
  }
}
