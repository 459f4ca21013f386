import type { DatabaseSync } from 'node:sqlite';
import { createDatabase } from '@hms-sync/testing/postgres';
import { it } from 'vitest';
import { openInlineJournal } from '../sqlite/inline-journal.ts';
import { History } from '../suite/history.fixture.ts';
import { Session } from '../suite/place.fixture.ts';
import { NOW_MS } from '../suite/samples.fixture.ts';
import { openPostgresJournal } from './postgres-journal.ts';

const HISTORIES = 2;
const STEPS = 80;

it.each(Array.from({ length: HISTORIES }, (_, index) => 1_000 + index))(
  'both journals answer and report the same, whatever is asked of them (history %d)',
  async (seed) => {
    const { url, remove } = await createDatabase();
    let database: DatabaseSync | undefined;
    try {
      for (let life = 0; life < 2; life++) {
        const embedded = openInlineJournal({ database });
        database = embedded.database;
        const sessions = [new Session(embedded), new Session(await openPostgresJournal({ url }))];
        for (const session of sessions) {
          session.nowMs = NOW_MS + life * 60_000;
          await session.openLanes();
          session.commits.length = 0;
        }
        const history = new History(`life${life}`, seed + life * 10_000, sessions);
        await history.play(STEPS);
        for (const { journal } of sessions) await journal.close();
      }
    } finally {
      await remove();
    }
  },
);
