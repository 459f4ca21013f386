import { openSqliteJournal } from './sqlite-journal.ts';

/** The child process of crash.test.ts: accepts and records until it is killed, and prints what it was promised. */

const [folder = '', name = ''] = process.argv.slice(2);
/** As many at a time, so that groups of all sizes are on their way when the kill comes. */
const OUTSTANDING = 50;

const journal = await openSqliteJournal({
  folder,
  observer: {
    accepted() {},
    recorded(records) {
      process.stdout.write(records.map(({ eventId }) => `recorded ${eventId}\n`).join(''));
    },
    reopened() {},
  },
  onFatal(error) {
    throw error;
  },
});

async function acceptForEver(worker: number): Promise<void> {
  for (let number = 0; ; number++) {
    const id = `${name}-${worker}-${number}`;
    const result = await journal.accept({
      event: {
        id,
        source: 'hms-api',
        type: 'ProcessUpdated',
        key: `process-${worker}`,
        timeMs: Date.now(),
        data: new TextEncoder().encode(id),
        dataContentType: 'text/plain',
        attributes: {},
      },
      contentHash: new Uint8Array(32),
      acceptedAtMs: Date.now(),
      adapters: ['billing', 'records'],
    });
    if (result.kind !== 'accepted') throw new Error(`${id} was not accepted but ${result.kind}`);
    process.stdout.write(`accepted ${id}\n`);
    journal.record({
      adapter: 'billing',
      seq: result.event.seq,
      eventId: id,
      adapterVersion: '1.0.0',
      state: 'delivered',
      cycle: 1,
      attempts: 1,
      spent: 1,
      crashes: 0,
      atMs: Date.now(),
      nextAttemptAtMs: 0,
      attempt: { startedAtMs: Date.now(), durationMs: 1, outcome: 'delivered', receipt: 'ok' },
    });
  }
}

await Promise.all(Array.from({ length: OUTSTANDING }, (_, worker) => acceptForEver(worker)));
