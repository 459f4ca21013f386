import { recordRequest, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { openSqliteJournal } from './sqlite-journal.ts';

/** The child process of crash.test.ts: accepts and records until it is killed, and prints what it was promised. */

const [folder = '', name = ''] = process.argv.slice(2);
/** As many at a time, so that groups of all sizes are on their way when the kill comes. */
const OUTSTANDING = 50;

const journal = await openSqliteJournal({ folder });
journal.subscribe({
  committed({ records }) {
    process.stdout.write(records.map(({ eventId }) => `recorded ${eventId}\n`).join(''));
  },
  ended(error) {
    throw error;
  },
});
await journal.setReceivers(['billing', 'records']);
const { epoch } = await journal.openLane({
  adapter: 'billing',
  onDeadLetter: 'continue',
  nowMs: Date.now(),
  longestWaitMs: 3_600_000,
});

async function acceptForEver(worker: number): Promise<void> {
  for (let number = 0; ; number++) {
    const id = `${name}-${worker}-${number}`;
    const result = await journal.accept(sampleAccept(sampleEvent(id, { key: `process-${worker}` })));
    if (result.kind !== 'accepted') throw new Error(`${id} was not accepted but ${result.kind}`);
    process.stdout.write(`accepted ${id}\n`);
    void journal.record(recordRequest(sampleRecord(result.event), epoch));
  }
}

await Promise.all(Array.from({ length: OUTSTANDING }, (_, worker) => acceptForEver(worker)));
