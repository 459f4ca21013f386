import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { useDatabase } from '@hms-sync/testing/postgres';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { Journal } from '../journal.ts';
import { openPostgresJournal } from '../postgres/postgres-journal.ts';
import { COPY_FOLDER } from '../sqlite/journal-place.ts';
import { openSqliteJournal } from '../sqlite/sqlite-journal.ts';
import { History } from '../suite/history.fixture.ts';
import { ADAPTERS, Session } from '../suite/place.fixture.ts';
import {
  deadLettered,
  NOW_MS,
  replayAll,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleJob,
  sampleRecord,
  withoutAttempt,
} from '../suite/samples.fixture.ts';
import type { CopyTarget, Row, TableName } from './copied-tables.ts';
import { type CopyReport, copyJournal } from './copying.ts';
import { openPostgresSource, openPostgresTarget } from './postgres-side.ts';
import { openSqliteSource, openSqliteTarget } from './sqlite-side.ts';

async function useFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-copy-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

function openJournal(place: string): Promise<Journal> {
  return place.startsWith('postgres') ? openPostgresJournal({ url: place }) : openSqliteJournal({ folder: place });
}

function openTarget(place: string): Promise<CopyTarget> | CopyTarget {
  return place.startsWith('postgres') ? openPostgresTarget(place) : openSqliteTarget(place);
}

/** @param through what the copy is written through */
async function copy(from: string, to: string, through = (target: CopyTarget) => target): Promise<CopyReport> {
  const source = await (from.startsWith('postgres') ? openPostgresSource(from) : openSqliteSource(from));
  try {
    const target = await openTarget(to);
    try {
      return await copyJournal(source, through(target), () => undefined);
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Dies in the middle of a batch of a table. */
function dyingAt(table: TableName) {
  return (target: CopyTarget): CopyTarget => ({
    ...{ location: target.location, identity: () => target.identity(), begin: (identity) => target.begin(identity) },
    ...{ last: (name) => target.last(name), read: (name, after) => target.read(name, after) },
    ...{ finish: () => target.finish(), close: () => target.close() },
    write: async (name: TableName, rows: readonly Row[]) => {
      await target.write(name, name === table ? rows.slice(0, Math.ceil(rows.length / 2)) : rows);
      if (name === table) throw new Error('killed');
    },
  });
}

async function withSession(place: string, use: (session: Session) => Promise<unknown>, nowMs = NOW_MS): Promise<void> {
  const session = new Session(await openJournal(place));
  try {
    session.nowMs = nowMs;
    await session.openLanes();
    await use(session);
  } finally {
    await session.journal.close();
  }
}

async function query(url: string, statement: string): Promise<void> {
  const client = new Client(url);
  await client.connect();
  await client.query(`SET search_path = hms_sync; ${statement}`);
  await client.end();
}

/** With rows of each kind in all tables: deliveries of each state, in their first cycle and after a replay. */
async function fill(session: Session): Promise<void> {
  const { journal } = session;
  await session.acceptNew(sampleEvent('to nobody'), { to: [] });
  for (const key of ['', 'x', 'nul \0 and \x01 and ü']) {
    const accept = (id: string) => session.acceptNew(sampleEvent(`${id} ${key}`, { key, source: `from ${key}` }));
    for (const [id, state] of [
      ['replayed', 'delivered'],
      ['again', 'dead_lettered'],
    ] as const) {
      const event = await accept(id);
      for (const adapter of ['billing', 'records']) await session.record(deadLettered(event, { adapter }));
      await replayAll(journal, { eventIds: [event.id] }, 1_790_000_200_000);
      for (const adapter of ['billing', 'records'])
        await session.record(sampleRecord(event, { adapter, state, cycle: 2 }));
    }
    const settled = await accept('settled');
    await session.record(sampleRecord(settled));
    await session.record(withoutAttempt(settled, { adapter: 'records', state: 'skipped' }));
    const { seq } = await accept('discarded');
    for (const adapter of ['billing', 'records']) {
      await journal.discard({ adapter, seq, atMs: 1_790_000_300_000, nowMs: session.nowMs, reason: 'sent twice\0' });
    }
    const waiting = await accept('retrying');
    await session.record(retrying(waiting));
    await session.record(deadLettered(waiting, { adapter: 'records' }));
    await accept('waiting');
  }
  await replayAll(journal, { eventIds: ['retrying x'] }, 1_790_000_400_000);
  await journal.saveJob(sampleJob({ id: 'running', reason: 'nul \0' }));
  await journal.saveJob(sampleJob({ id: 'done', state: 'done' }));
  await journal.saveBreaker({ adapter: 'billing', state: 'open', sinceMs: 1_790_000_000_700.5, cause: 'HTTP 503' });
  await journal.saveLanePause({ adapter: 'records', pause: { reason: 'moved', sinceMs: 1_790_000_000_800 } });
  await session.openLane('records', { onDeadLetter: 'hold' });
}

let filled: string;
beforeAll(async () => {
  filled = await mkdtemp(join(tmpdir(), 'hms-sync-filled-'));
  await withSession(filled, fill);
});
afterAll(() => rm(filled, { recursive: true }));

/** The same journal each time. */
async function useFilledFolder(): Promise<string> {
  const folder = await useFolder();
  await cp(filled, folder, { recursive: true });
  return folder;
}

/** All that can be asked. */
async function answers(place: string) {
  const journal = await openJournal(place);
  try {
    const states = ['waiting', 'retrying', 'delivered', 'dead_lettered', 'discarded', 'skipped'] as const;
    const { deliveries } = await journal.listDeliveries({ filter: { states }, limit: 1_000 });
    const lanes = [];
    for (const adapter of ADAPTERS) {
      const request = { adapter, onDeadLetter: adapter === 'records' ? 'hold' : 'continue' } as const;
      const { breaker, pause } = await journal.openLane({
        ...request,
        nowMs: NOW_MS + 60_000,
        longestWaitMs: 3_600_000,
      });
      const ready = await journal.readReady({ adapter, nowMs: NOW_MS + 60_000, limit: 1_000, limitBytes: 1e9 });
      lanes.push({ breaker, pause, ready });
    }
    return {
      ...{ id: journal.info.id, positions: journal.info.positions, deliveries, lanes },
      events: await Promise.all(deliveries.map(({ eventId: id, source }) => journal.readEvent({ id, source }))),
      records: await journal.readRecords({ after: new Map(), limit: 1_000 }),
      jobs: await journal.readJobs(),
      statistics: (await journal.readStatistics()).lanes,
    };
  } finally {
    await journal.close();
  }
}

describe('a copy', () => {
  it('has every row, and answers the same, there and back', async () => {
    const [folder, url, back] = [await useFilledFolder(), await useDatabase(), await useFolder()];
    const there = await copy(folder, url);
    expect(there).toMatchObject({
      difference: undefined,
      rows: { lane: 3, event: 19, delivery: 36, record: 42, watched_key: 4, replay_job: 3 },
    });
    expect(await copy(url, back)).toEqual(there);
    const [left, middle, right] = [await answers(folder), await answers(url), await answers(back)];
    expect(middle).toEqual(left);
    expect(right).toEqual(left);
  });

  it('goes on as the journal would have', async () => {
    const [folder, url, back] = [await useFolder(), await useDatabase(), await useFolder()];
    await withSession(folder, (session) => new History('before', 1, [session]).play(60));
    await copy(folder, url);
    const both = async (left: string, right: string, life: number) => {
      const sessions = [new Session(await openJournal(left)), new Session(await openJournal(right))];
      for (const session of sessions) {
        onTestFinished(() => session.journal.close());
        session.nowMs = NOW_MS + life * 60_000;
        await session.openLanes();
        session.commits.length = 0;
      }
      expect(sessions[1]?.journal.info).toMatchObject({ id: sessions[0]?.journal.info.id });
      await new History(`life${life}`, 1 + life, sessions).play(40);
      for (const { journal } of sessions) await journal.close();
    };
    await both(folder, url, 1);
    await query(url, 'DELETE FROM hub');
    await copy(url, back);
    await both(url, back, 2);
  });

  it('knows the events that the journal knew, and takes no number of theirs', async () => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await copy(folder, url);
    await withSession(url, async (session) => {
      const event = sampleEvent('settled x', { key: 'x', source: 'from x' });
      expect(await session.journal.accept(sampleAccept(event))).toMatchObject({
        kind: 'duplicate',
        event: { seq: 10 },
      });
      const other = sampleAccept(event, { content: 'other' });
      expect(await session.journal.accept(other)).toEqual({ kind: 'conflict' });
      expect(await session.acceptNew(sampleEvent('new'))).toMatchObject({ seq: 20 });
    });
  });

  it('puts an event behind what waits, though no hub has opened the lane yet', async () => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await copy(folder, url);
    const session = new Session(await openJournal(url));
    onTestFinished(() => session.journal.close());
    await session.acceptNew(sampleEvent('new', { key: 'new' }));
    await session.openLane('billing', { nowMs: NOW_MS + 1 });
    const ready = await session.readyIds('billing', { nowMs: NOW_MS + 1 });
    expect(ready.length).toBeGreaterThan(1);
    expect(ready.at(-1)).toBe('new');
  });

  it('of a journal of an earlier version keeps what ids and positions mean', async () => {
    const [folder, url, back] = [await useFilledFolder(), await useDatabase(), await useFolder()];
    const database = new DatabaseSync(join(folder, 'journal.db'));
    database.exec('UPDATE journal SET positions_after = 1000, unique_ids_to_seq = 5');
    database.close();
    await rm(join(folder, 'journal.db-end'));
    await copy(folder, url);
    for (const place of [url, back]) {
      if (place === back) await copy(url, back);
      const journal = await openJournal(place);
      const found = await Promise.all(['replayed ', 'settled x'].map((id) => journal.readEvent({ id })));
      expect(found.map((answer) => answer.kind === 'found' && answer.event.hasUniqueId)).toEqual([true, undefined]);
      await journal.setReceivers(['new']);
      await journal.close();
      if (place === url) await query(url, 'DELETE FROM hub');
      expect((await answers(place)).positions.get('new')).toBe(1_000);
    }
  });
});

describe('a copy that was killed', () => {
  const tables = ['lane', 'event', 'delivery', 'record', 'watched_key', 'replay_job'] as const;

  it.each(['to PostgreSQL', 'back'])(
    'is continued behind the last row, and opened by no hub before that: %s',
    async (way) => {
      const folder = await useFilledFolder();
      let [from, to] = [folder, await useDatabase()];
      if (way === 'back') {
        await copy(from, to);
        [from, to] = [to, await useFolder()];
      }
      let events = 0;
      const counting = (target: CopyTarget) => {
        const write = target.write.bind(target);
        target.write = (table, rows) => {
          if (table === 'event') events += rows.length;
          return write(table, rows);
        };
        return target;
      };
      for (const table of tables) {
        await expect(copy(from, to, (target) => dyingAt(table)(counting(target)))).rejects.toThrow('killed');
        await expect(openJournal(to)).rejects.toMatchObject({
          code: 'UNREADABLE',
          message: expect.stringContaining('unfinished copy'),
        });
      }
      expect(await copy(from, to, counting)).toMatchObject({ difference: undefined, rows: { event: 19 } });
      expect(events).toBe(19);
      const journal = await openJournal(to);
      await journal.close();
    },
  );

  it('is not continued with another journal', async () => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await expect(copy(folder, url, dyingAt('event'))).rejects.toThrow('killed');
    const other = await useFolder();
    await withSession(other, (session) => session.acceptNew(sampleEvent('other')));
    await expect(copy(other, url)).rejects.toThrow(/unfinished copy of another journal.*DROP SCHEMA/);
    const target = await useFolder();
    await expect(copy(folder, target, dyingAt('event'))).rejects.toThrow('killed');
    await expect(copy(other, target)).rejects.toThrow(/unfinished copy of another journal: remove it/);
  });

  it.each([
    [
      'UPDATE delivery SET spent = spent + 1 WHERE seq = 7 AND adapter = 1',
      'delivery (seq 7, adapter 1) has another spent in the copy',
    ],
    ["UPDATE event SET data = 'x', type = '' WHERE seq = 3", 'event (seq 3) has another type, data in the copy'],
    [
      'DELETE FROM record WHERE adapter = 1 AND position = 1',
      'the copy has record (adapter 1, position 2) in the place of record (adapter 1, position 1)',
    ],
    ['DELETE FROM watched_key WHERE adapter = 1', 'the copy has watched_key (adapter 2, key '],
    ["INSERT INTO replay_job VALUES ('zzz', 0, false, '{}')", 'replay_job (id zzz) is in the copy alone'],
  ])('is not finished when it was changed: %s', async (statement, difference) => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await expect(
      copy(folder, url, (target) => ({
        ...dyingAt('lane')(target),
        write: target.write.bind(target),
        finish: () => Promise.reject(new Error('killed')),
      })),
    ).rejects.toThrow('killed');
    await query(url, statement);
    const report = await copy(folder, url);
    expect(report.difference).toContain(difference);
    await expect(openJournal(url)).rejects.toThrow('unfinished copy');
  });

  it('is not finished when a row of a data folder was changed', async () => {
    const [folder, url, back] = [await useFilledFolder(), await useDatabase(), await useFolder()];
    await copy(folder, url);
    await expect(copy(url, back, dyingAt('replay_job'))).rejects.toThrow('killed');
    const database = new DatabaseSync(join(back, COPY_FOLDER, 'journal.db'));
    database.exec("UPDATE event SET type = 'Other' WHERE seq = 3");
    database.close();
    await expect(copy(url, back)).rejects.toThrow('seq 3 does not match its checksum');
  });
});

describe('is refused:', () => {
  it('a target with events', async () => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await copy(folder, url);
    await expect(copy(folder, url)).rejects.toThrow(/has events: copy into a schema/);
    await expect(copy(url, folder)).rejects.toThrow(/has events: copy into a data folder/);
  });

  it('a target that a hub has open', async () => {
    const [folder, url, other] = [await useFilledFolder(), await useDatabase(), await useFolder()];
    await copy(folder, url);
    await withSession(other, () => expect(copy(url, other)).rejects.toMatchObject({ code: 'IN_USE' }));
    await query(url, `INSERT INTO hub (id, name, version) VALUES ('1', 'north', '1.0.0')`);
    await expect(copy(folder, url)).rejects.toThrow(/The hub north used .* within the last minute/);
    await expect(copy(url, other)).rejects.toMatchObject({ code: 'IN_USE' });
    await query(url, `UPDATE hub SET beat_at = now() - interval '61 seconds'`);
    expect(await copy(url, other)).toMatchObject({ difference: undefined });
  });

  it('a source that a hub has open, that is damaged, or that is not there', async () => {
    const [folder, url] = [await useFilledFolder(), await useDatabase()];
    await withSession(folder, () => expect(copy(folder, url)).rejects.toMatchObject({ code: 'IN_USE' }));
    await expect(copy(await useFolder(), url)).rejects.toThrow('There is no journal');
    await expect(copy(url, await useFolder())).rejects.toThrow('There is no journal');
    const path = join(folder, 'journal.db');
    const bytes = await readFile(path);
    bytes[bytes.indexOf('"by":"settled x"') + 6] = 0;
    await writeFile(path, bytes);
    await expect(copy(folder, url)).rejects.toThrow(/damaged, so it is not copied: .*seq 10/);
  });
});

it('takes the place of a journal without events that a hub made', async () => {
  const [folder, url, other] = [await useFilledFolder(), await useDatabase(), await useFolder()];
  for (const place of [url, other]) await withSession(place, ({ journal }) => journal.setReceivers(['scheduling']));
  await copy(folder, url);
  await copy(url, other);
  expect(await answers(other)).toEqual(await answers(folder));
});
