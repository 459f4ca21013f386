import { describe, expect, it } from 'vitest';
import { describeJournal } from '../journal.suite.ts';
import { acceptNew, sampleAccept, sampleEvent, sampleRecord } from '../suite/samples.suite.ts';
import { MemoryDisk } from './memory-disk.ts';
import { MemoryJournal, type MemoryJournalOptions } from './memory-journal.ts';

const silent: MemoryJournalOptions = {
  observer: { accepted() {}, recorded() {}, reopened() {} },
  onFatal(error) {
    throw error;
  },
};

describeJournal('memory journal', async () => {
  const disk = new MemoryDisk();
  return {
    async open({ observer, onFatal, isFull }) {
      disk.isFull = isFull;
      return new MemoryJournal({ observer, onFatal, disk });
    },
    async remove() {},
  };
});

describe('memory journal in a test', () => {
  it('holds commits back until it is told', async () => {
    const journal = new MemoryJournal(silent);
    journal.holdCommits();
    let isSettled = false;
    const accepted = journal.accept(sampleAccept(sampleEvent('a'))).finally(() => {
      isSettled = true;
    });
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect(isSettled).toBe(false);
    journal.commit();
    expect((await accepted).kind).toBe('accepted');
    const next = journal.accept(sampleAccept(sampleEvent('b')));
    journal.releaseCommits();
    expect((await next).kind).toBe('accepted');
    expect((await journal.accept(sampleAccept(sampleEvent('c')))).kind).toBe('accepted');
  });

  it('loses what was not committed when it is killed, and nothing else', async () => {
    const journal = new MemoryJournal(silent);
    const event = await acceptNew(journal, sampleAccept(sampleEvent('a')));
    journal.holdCommits();
    journal.record(sampleRecord(event));
    void journal.accept(sampleAccept(sampleEvent('b')));
    journal.kill();
    const reopened = new MemoryJournal({ ...silent, disk: journal.disk });
    expect(reopened.info).toMatchObject({ lastSeq: 1, lastCursor: 0 });
    expect(await reopened.readEvent('b')).toBeUndefined();
  });
});
