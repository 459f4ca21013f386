import type { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import type { Call } from '../calls.ts';
import { describeJournal } from '../journal.suite.ts';
import { Session } from '../suite/place.fixture.ts';
import { newEvent, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.fixture.ts';
import { openInlineJournal } from './inline-journal.ts';

describeJournal('inline journal', async () => {
  let database: DatabaseSync | undefined;
  return {
    async open(isFull) {
      const journal = openInlineJournal({ database, isFull });
      database = journal.database;
      return journal;
    },
    async remove() {
      database?.close();
    },
  };
});

describe('inline journal under control', () => {
  it('writes when it is asked to, and reports when it is asked to', async () => {
    const journal = openInlineJournal({ control: true });
    const { control } = journal;
    const session = new Session(journal);
    const accepts = ['a', 'b', 'c'].map((id) => journal.accept(sampleAccept(sampleEvent(id))));
    expect([control.waiting, control.unreported]).toEqual([3, 0]);
    control.write(2);
    control.write(1);
    expect([control.waiting, control.unreported]).toEqual([0, 2]);
    expect(session.events).toEqual([]);
    control.report();
    expect(session.events.map(({ id }) => id)).toEqual(['a', 'b']);
    control.report();
    expect((await Promise.all(accepts)).map((result) => newEvent(result).seq)).toEqual([1, 2, 3]);
  });

  it('loses what was not written when it is killed, and nothing else; nothing reports it', async () => {
    const journal = openInlineJournal({ control: true });
    const session = new Session(journal);
    void journal.setReceivers(['billing']);
    void journal.accept(sampleAccept(sampleEvent('a')));
    journal.control.flush();
    void journal.accept(sampleAccept(sampleEvent('b')));
    journal.control.write(1);
    void journal.accept(sampleAccept(sampleEvent('c')));
    journal.control.kill();
    journal.control.flush();
    void journal.accept(sampleAccept(sampleEvent('d')));
    expect(session.events.map(({ id }) => id)).toEqual(['a']);
    const again = new Session(openInlineJournal({ database: journal.database }));
    const found = await Promise.all(['a', 'b', 'c', 'd'].map((id) => again.readEvent(id)));
    expect(found.map((event) => event?.event.adapters)).toEqual([['billing'], ['billing'], undefined, undefined]);
  });

  it('fails when it is asked to: what was written stays', async () => {
    const journal = openInlineJournal({ control: true });
    const session = new Session(journal);
    const accepts = ['a', 'b'].map((id) => journal.accept(sampleAccept(sampleEvent(id))));
    journal.control.write(1);
    journal.control.fail();
    for (const result of await Promise.allSettled(accepts)) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'FAILED' } });
    }
    expect(session.ended.map(({ code }) => code)).toEqual(['FAILED']);
    const again = new Session(openInlineJournal({ database: journal.database }));
    expect(await again.readEvent('a')).toBeDefined();
    expect(await again.readEvent('b')).toBeUndefined();
  });

  it('reports each call as it is made, and of each that is written with what the store answers', async () => {
    const reported: string[] = [];
    const name = (call: Call) => (call.name === 'accept' ? `accept ${call.request.event.id}` : call.name);
    const journal = openInlineJournal({
      control: true,
      onRequest: (call) => void reported.push(`request ${name(call)}`),
      onWritten: (call, answer) => void reported.push(`written ${name(call)} ${JSON.stringify(answer)}`),
    });
    void journal.accept(sampleAccept(sampleEvent('a')));
    void journal.accept(sampleAccept(sampleEvent('b')));
    journal.control.write(1);
    expect(reported).toEqual(['request accept a', 'request accept b', 'written accept a 1']);
  });

  it('refuses new events while its disk is full', async () => {
    const journal = openInlineJournal();
    const session = new Session(journal);
    await session.openLanes();
    const event = await session.acceptNew(sampleEvent('a'));
    journal.control.isFull = true;
    expect(await session.accept(sampleEvent('b'))).toMatchObject({ kind: 'full' });
    expect(await session.record(sampleRecord(event))).toMatchObject({ kind: 'recorded' });
    journal.control.isFull = false;
    expect(await session.accept(sampleEvent('b'))).toMatchObject({ kind: 'accepted' });
  });
});
