import { expect, it } from 'vitest';
import type { DeliveryRecord } from '../../core/delivery.ts';
import { READ_RECORDS_MAX } from '../journal.ts';
import { type CreatePlace, flushed, useJournal, usePlace } from './place.fixture.ts';
import { deadLettered, retrying, sampleEvent, sampleRecord, withoutAttempt } from './samples.fixture.ts';

const ALL = { after: new Map(), limit: 99 };

export function recordingSuite(createPlace: CreatePlace): void {
  it('numbers the records of each lane, and reports them in their order', async () => {
    const session = await useJournal(createPlace);
    const a = await session.acceptNew(sampleEvent('a'));
    const b = await session.acceptNew(sampleEvent('b', { key: 'b' }));
    const records = [
      retrying(a),
      sampleRecord(b, { adapter: 'records' }),
      withoutAttempt(b, { state: 'skipped' }),
      sampleRecord(a, { attempts: 2, spent: 2 }),
    ];
    const results = records.map((record) => session.record(record));
    expect(await Promise.all(results)).toEqual([1, 1, 2, 3].map((position) => ({ kind: 'recorded', position })));
    const recorded = records.map((record, index) => ({ ...record, position: [1, 1, 2, 3][index] }));
    expect(session.records).toEqual(recorded);
    const read = await session.journal.readRecords(ALL);
    expect(read).toEqual({ records: [recorded[0], recorded[2], recorded[3], recorded[1]], isEnd: true });
  });

  it('needs nobody who waits for the answer', async () => {
    const session = await useJournal(createPlace);
    const event = await session.acceptNew(sampleEvent('a'));
    void session.record(retrying(event));
    await flushed(session.journal);
    expect(session.records).toHaveLength(1);
  });

  it('reads records from a place on, and says whether there are others', async () => {
    const session = await useJournal(createPlace);
    const { journal } = session;
    expect(await journal.readRecords(ALL)).toEqual({ records: [], isEnd: true });
    const event = await session.acceptNew(sampleEvent('a'));
    for (let attempts = 1; attempts <= 3; attempts++) void session.record(retrying(event, { attempts }));
    for (let attempts = 1; attempts <= 2; attempts++) {
      void session.record(retrying(event, { adapter: 'records', attempts }));
    }
    const read = async (after: Record<string, number>, limit: number) => {
      const { records, isEnd } = await journal.readRecords({ after: new Map(Object.entries(after)), limit });
      return [records.map(({ adapter, position }) => `${adapter} ${position}`), isEnd];
    };
    expect(await read({}, 2)).toEqual([['billing 1', 'billing 2'], false]);
    expect(await read({ billing: 2 }, 2)).toEqual([['billing 3', 'records 1'], false]);
    expect(await read({ billing: 3, records: 1 }, 2)).toEqual([['records 2'], true]);
    expect(await read({ billing: 3 }, 2)).toEqual([['records 1', 'records 2'], true]);
    expect(await read({ billing: 3, records: 2, nobody: 7 }, 2)).toEqual([[], true]);
  });

  it('reads an event with all records of all its cycles, oldest first', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'), { to: ['billing', 'records', 'scheduling'] });
    const records: DeliveryRecord[] = [
      retrying(event),
      deadLettered(event, { attempts: 2, spent: 2, crashes: 1 }),
      withoutAttempt(event, { adapter: 'records', state: 'skipped' }),
      retrying(event, { cycle: 2 }),
      sampleRecord(event, { cycle: 2, attempts: 2, spent: 1 }),
    ];
    for (const record of records) void session.record(record);
    const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };
    const rest = { isHeldByKey: false, hasOlderRecords: false };
    const ofBilling = records.filter(({ adapter }) => adapter === 'billing');
    const expected = {
      kind: 'found',
      event,
      deliveries: [
        {
          adapter: 'billing',
          state: 'delivered',
          cycle: 2,
          attempts: 2,
          spent: 1,
          crashes: 0,
          ...rest,
          records: ofBilling.map((record, index) => ({ ...record, position: index + 1 })),
        },
        {
          adapter: 'records',
          state: 'skipped',
          ...counts,
          ...rest,
          records: [{ ...records[2], position: 1 }],
        },
        { adapter: 'scheduling', state: 'waiting', ...counts, ...rest, records: [] },
      ],
    };
    expect(await session.journal.readEvent({ id: 'a' })).toEqual(expected);
    expect(await session.journal.readEvent({ id: 'unknown' })).toEqual({ kind: 'unknown' });
    await session.journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readEvent({ id: 'a' })).toEqual(expected);
    expect((await reopened.readRecords(ALL)).records).toHaveLength(5);
  });

  it('reads the newest records of each delivery, an equal share, and says of which there are older ones', async () => {
    const session = await useJournal(createPlace);
    const event = await session.acceptNew(sampleEvent('a'));
    const share = READ_RECORDS_MAX / 2;
    for (let attempts = 1; attempts <= share + 1; attempts++) void session.record(retrying(event, { attempts }));
    for (let attempts = 1; attempts <= share; attempts++) {
      void session.record(retrying(event, { adapter: 'records', attempts }));
    }
    const stored = await session.readEvent('a');
    const attemptsFrom = (first: number) => Array.from({ length: share }, (_, index) => first + index);
    expect(stored?.deliveries).toMatchObject([
      { adapter: 'billing', attempts: share + 1, hasOlderRecords: true },
      { adapter: 'records', attempts: share, hasOlderRecords: false },
    ]);
    expect(stored?.deliveries.map(({ records }) => records.map(({ attempts }) => attempts))).toEqual([
      attemptsFrom(2),
      attemptsFrom(1),
    ]);
  });

  it('goes on after the last position of each lane when it was opened again', async () => {
    const open = await usePlace(createPlace);
    const session = await open();
    const event = await session.acceptNew(sampleEvent('a'));
    void session.record(retrying(event));
    await session.journal.close();
    const again = await open();
    expect(again.journal.info.positions).toEqual(new Map([['billing', 1]]));
    expect(await again.record(sampleRecord(event, { attempts: 2, spent: 2 }))).toMatchObject({ position: 2 });
    expect(await again.record(sampleRecord(event, { adapter: 'records' }))).toMatchObject({ position: 1 });
    expect(again.records.map(({ position }) => position)).toEqual([2, 1]);
  });
}
