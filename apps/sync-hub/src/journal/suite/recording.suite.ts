import { expect, it } from 'vitest';
import type { DeliveryRecord } from '../../core/delivery.ts';
import { READ_RECORDS_MAX } from '../journal.ts';
import { type CreatePlace, toldRecords, useJournal, usePlace } from './place.suite.ts';
import {
  acceptNew,
  deadLettered,
  newEvent,
  retrying,
  sampleAccept,
  sampleEvent,
  sampleRecord,
  withoutAttempt,
} from './samples.suite.ts';

export function recordingSuite(createPlace: CreatePlace): void {
  it('gives records rising cursors and tells them in their order', async () => {
    const { journal, told } = await useJournal(createPlace);
    const a = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    const b = await acceptNew(journal, sampleAccept(sampleEvent('b')));
    const records = [
      retrying(a),
      sampleRecord(b, { adapter: 'records' }),
      withoutAttempt(b, { state: 'skipped' }),
      sampleRecord(a, { attempts: 2, spent: 2 }),
    ];
    for (const record of records) journal.record(record);
    const read = await journal.readRecords({ afterCursor: 0, limit: 99 });
    expect(read.records).toEqual(records.map((record, index) => ({ ...record, cursor: index + 1 })));
    expect(toldRecords(told)).toEqual(read.records);
  });

  it('tells of an event before it tells of its records, and of both before a promise that was asked for later', async () => {
    const { journal, told } = await useJournal(createPlace);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(retrying(event));
    const [accepted] = await Promise.all([journal.accept(sampleAccept(sampleEvent('b'))), journal.countDeliveries()]);
    told.push({ kind: 'resolved', id: newEvent(accepted).id });
    expect(told[0]?.kind).toBe('accepted');
    expect(
      told
        .slice(1, 3)
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(['accepted', 'recorded']);
    expect(told[3]?.kind).toBe('resolved');
  });

  it('says with an accepted event where its records begin', async () => {
    const { journal } = await useJournal(createPlace);
    const a = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(retrying(a));
    journal.record(sampleRecord(a, { adapter: 'records' }));
    const b = await journal.accept(sampleAccept(sampleEvent('b')));
    expect(b).toMatchObject({ kind: 'accepted', lastCursor: 2 });
    journal.record(sampleRecord(newEvent(b)));
    const { records } = await journal.readRecords({ afterCursor: 2, limit: 9 });
    expect(records.map(({ eventId }) => eventId)).toEqual(['b']);
  });

  it('reads records from a place on, and says up to where it looked', async () => {
    const { journal } = await useJournal(createPlace);
    expect(await journal.readRecords({ afterCursor: 0, limit: 9 })).toEqual({ records: [], scannedToCursor: 0 });
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    for (let attempts = 1; attempts <= 5; attempts++) journal.record(retrying(event, { attempts }));
    const cursors = async (afterCursor: number, limit: number) => {
      const { records, scannedToCursor } = await journal.readRecords({ afterCursor, limit });
      return [records.map(({ cursor }) => cursor), scannedToCursor];
    };
    expect(await cursors(0, 2)).toEqual([[1, 2], 2]);
    expect(await cursors(2, 2)).toEqual([[3, 4], 4]);
    expect(await cursors(4, 2)).toEqual([[5], 5]);
    expect(await cursors(5, 2)).toEqual([[], 5]);
  });

  it('reads an event with all records of all its cycles, oldest first', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const request = sampleAccept(sampleEvent('a'), { adapters: ['billing', 'records', 'scheduling'] });
    const event = await acceptNew(journal, request);
    const records: DeliveryRecord[] = [
      retrying(event),
      deadLettered(event, { attempts: 2, spent: 2, crashes: 1 }),
      withoutAttempt(event, { adapter: 'records', state: 'skipped' }),
      retrying(event, { cycle: 2 }),
      sampleRecord(event, { cycle: 2, attempts: 2, spent: 1 }),
    ];
    for (const record of records) journal.record(record);
    const expected = {
      event,
      deliveries: [
        {
          adapter: 'billing',
          state: 'delivered',
          cycle: 2,
          attempts: 2,
          spent: 1,
          crashes: 0,
          records: records.flatMap((record, index) => (index === 2 ? [] : { ...record, cursor: index + 1 })),
          hasOlderRecords: false,
        },
        {
          adapter: 'records',
          state: 'skipped',
          cycle: 1,
          attempts: 0,
          spent: 0,
          crashes: 0,
          records: records.slice(2, 3).map((record) => ({ ...record, cursor: 3 })),
          hasOlderRecords: false,
        },
        {
          adapter: 'scheduling',
          state: 'waiting',
          cycle: 1,
          attempts: 0,
          spent: 0,
          crashes: 0,
          records: [],
          hasOlderRecords: false,
        },
      ],
    };
    // Bytes that came from the disk are plain Uint8Arrays whatever they were before.
    expect(await journal.readEvent('a')).toEqual(expected);
    expect(await journal.readEvent('unknown')).toBeUndefined();
    await journal.close();
    const { journal: reopened } = await open();
    expect(await reopened.readEvent('a')).toEqual(expected);
    const read = await reopened.readRecords({ afterCursor: 0, limit: 9 });
    expect(read.records).toEqual(records.map((record, index) => ({ ...record, cursor: index + 1 })));
  });

  it('reads the newest records of each delivery, an equal share, and says of which there are older ones', async () => {
    const { journal } = await useJournal(createPlace);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a'), { adapters: ['billing', 'records'] }));
    const share = READ_RECORDS_MAX / 2;
    for (let attempts = 1; attempts <= share + 1; attempts++) journal.record(retrying(event, { attempts }));
    for (let attempts = 1; attempts <= share; attempts++) {
      journal.record(retrying(event, { adapter: 'records', attempts }));
    }
    const stored = await journal.readEvent('a');
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

  it('goes on after the last cursor when it was opened again', async () => {
    const open = await usePlace(createPlace);
    const { journal } = await open();
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.record(retrying(event));
    await journal.close();
    const { journal: reopened, told } = await open();
    reopened.record(sampleRecord(event, { attempts: 2, spent: 2 }));
    expect(await reopened.accept(sampleAccept(sampleEvent('b')))).toMatchObject({ lastCursor: 2 });
    expect(toldRecords(told).map(({ cursor }) => cursor)).toEqual([2]);
  });
}
