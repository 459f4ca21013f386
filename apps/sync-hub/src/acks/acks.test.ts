import { getEventListeners } from 'node:events';
import { array, assert, asyncProperty, integer, record } from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { HeldDelivery } from '../core/held-delivery.ts';
import type { ReadRecordsRequest } from '../journal/journal.ts';
import { sampleRecord } from '../journal/suite/samples.suite.ts';
import { Acks } from './acks.ts';
import type { Tell } from './tell.ts';

const recordAt = (cursor: number, seq = 1): RecordedDelivery => ({ ...sampleRecord({ seq, id: `e${seq}` }), cursor });

const heldAt = (seq: number): HeldDelivery => {
  const { adapter, eventId, cycle, attempts, spent, crashes, atMs } = recordAt(1, seq);
  return { adapter, eventId, seq, cycle, attempts, spent, crashes, atMs, heldBy: 'breaker' };
};

/** Acks on a journal that keeps everything it was given. */
function createAcks({ before = 0 } = {}) {
  const stored = Array.from({ length: before }, (_, index) => recordAt(index + 1));
  const reads: ReadRecordsRequest[] = [];
  const journal = {
    async readRecords(request: ReadRecordsRequest) {
      reads.push(request);
      const records = stored.filter(({ cursor }) => cursor > request.afterCursor).slice(0, request.limit);
      return { records, scannedToCursor: records.at(-1)?.cursor ?? stored.at(-1)?.cursor ?? 0 };
    },
  };
  const acks = new Acks({ journal, lastCursor: before });
  const add = (...records: readonly RecordedDelivery[]) => {
    stored.push(...records);
    acks.recorded(records);
  };
  return { acks, add, reads };
}

/** Reads cursors until the last one was seen. */
async function readUpTo(acks: Acks, { after, last }: { after: number; last: number }): Promise<readonly number[]> {
  const stop = new AbortController();
  const cursors: number[] = [];
  for await (const page of acks.tail(after, stop.signal)) {
    cursors.push(...page.map((tell) => (tell.kind === 'recorded' ? tell.record.cursor : Number.NaN)));
    if ((cursors.at(-1) ?? 0) >= last) stop.abort();
  }
  return cursors;
}

const upTo = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index);

/** The cursors of some commits, each so far after the one before it. */
function commitsAfter(before: number, commits: readonly (readonly number[])[]): readonly (readonly number[])[] {
  let cursor = before;
  return commits.map((gaps) =>
    gaps.map((gap) => {
      cursor += gap;
      return cursor;
    }),
  );
}

describe('a tail', () => {
  it('goes from the journal to the newest without a gap or a repeat, while records are added', async () => {
    const { acks, add, reads } = createAcks({ before: 1_000 });
    const reading = readUpTo(acks, { after: 0, last: 3_000 });
    for (let cursor = 1_001; cursor <= 3_000; cursor += 1) {
      add(recordAt(cursor));
      if (cursor % 7 === 0) await Promise.resolve();
    }
    expect(await reading).toEqual(upTo(3_000));
    expect(reads.length).toBeGreaterThan(0);
  });

  it('keeps its order for any sizes of commits, gaps between cursors and places to begin', async () => {
    const gaps = array(integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 9 });
    const commits = array(gaps, { minLength: 1, maxLength: 40 });
    const places = { before: integer({ min: 0, max: 300 }), behind: integer({ min: 0, max: 400 }) };
    await assert(
      asyncProperty(commits, record(places), async (steps, { before, behind }) => {
        const { acks, add } = createAcks({ before });
        const batches = commitsAfter(before, steps);
        const all = [...upTo(before), ...batches.flat()];
        const last = all.at(-1) ?? 0;
        const after = Math.max(0, last - behind);
        const expected = all.filter((cursor) => cursor > after);
        if (expected.length === 0) return;
        const reading = readUpTo(acks, { after, last });
        for (const batch of batches) {
          add(...batch.map((cursor) => recordAt(cursor)));
          await new Promise(setImmediate);
        }
        expect(await reading).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('reads from the journal what memory no longer has', async () => {
    const { acks, add } = createAcks();
    for (let cursor = 1; cursor <= 40_000; cursor += 1_000) add(...upTo(1_000, cursor).map((one) => recordAt(one)));
    expect(await readUpTo(acks, { after: 5, last: 40_000 })).toEqual(upTo(39_995, 6));
  });

  it('does not read the disk for those who keep up', async () => {
    const { acks, add, reads } = createAcks({ before: 10 });
    const reading = readUpTo(acks, { after: 10, last: 12 });
    add(recordAt(11), recordAt(12));
    await reading;
    expect(reads).toEqual([]);
  });

  it('keeps nothing in memory for nobody: who comes later reads the journal', async () => {
    const { acks, add, reads } = createAcks();
    add(recordAt(1), recordAt(2));
    expect(await readUpTo(acks, { after: 0, last: 2 })).toEqual([1, 2]);
    expect(reads).toHaveLength(1);
    expect(acks.lastCursor).toBe(2);
  });

  it('gives pages of a bounded size however much there is', async () => {
    const { acks, add } = createAcks();
    add(...upTo(1_000).map((cursor) => recordAt(cursor)));
    const stop = new AbortController();
    const sizes: number[] = [];
    for await (const page of acks.tail(0, stop.signal)) {
      sizes.push(page.length);
      if (sizes.length === 4) stop.abort();
    }
    expect(sizes).toEqual([256, 256, 256, 232]);
  });

  it('ends when it is aborted while it waits, and leaves nothing on the signal', async () => {
    const { acks, add } = createAcks();
    const stop = new AbortController();
    const tail = acks.tail(0, stop.signal);
    const first = tail.next();
    add(recordAt(1));
    await first;
    const second = tail.next();
    await new Promise(setImmediate);
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(1);
    stop.abort();
    expect(await second).toEqual({ done: true, value: undefined });
    expect(getEventListeners(stop.signal, 'abort')).toHaveLength(0);
  });

  it('tells what is held as it happens, after everything that is on record, and drops what is not read', async () => {
    const { acks, add } = createAcks({ before: 2 });
    const tail = acks.tail(0, new AbortController().signal);
    const first = tail.next();
    for (let seq = 2; seq <= 301; seq += 1) acks.held(heldAt(seq));
    add(recordAt(3));
    const kinds = ({ value }: IteratorResult<readonly Tell[], void>) => (value ?? []).map(({ kind }) => kind);
    expect(kinds(await first)).toEqual(['recorded', 'recorded']);
    expect(kinds(await tail.next())).toEqual(['recorded']);
    expect(kinds(await tail.next())).toEqual(Array.from({ length: 256 }, () => 'held'));
    const next = tail.next();
    acks.held(heldAt(302));
    expect(await next).toMatchObject({ value: [{ kind: 'held', held: { seq: 302 } }] });
    await tail.return();
  });

  it('does not tell that a delivery is held once its next record was told', async () => {
    const { acks, add } = createAcks({ before: 1 });
    const tail = acks.tail(0, new AbortController().signal);
    const first = tail.next();
    acks.held(heldAt(1));
    acks.held(heldAt(2));
    await first;
    add(recordAt(2, 1));
    expect(await tail.next()).toMatchObject({ value: [{ kind: 'recorded', record: { seq: 1 } }] });
    expect(await tail.next()).toEqual({ done: false, value: [{ kind: 'held', held: heldAt(2) }] });
    await tail.return();
  });

  it('does not begin when it was aborted before', async () => {
    const { acks, reads } = createAcks({ before: 3 });
    expect(await acks.tail(0, AbortSignal.abort()).next()).toEqual({ done: true, value: undefined });
    expect(reads).toEqual([]);
  });

  it('takes a commit of any size', () => {
    const { acks } = createAcks();
    const records = upTo(200_000).map((cursor) => recordAt(cursor));
    expect(() => acks.recorded(records)).not.toThrow();
    expect(acks.lastCursor).toBe(200_000);
  });
});

describe('following an event', () => {
  const held = { adapter: 'billing', adapterVersion: '', seq: 1, eventId: 'e1', heldBy: 'paused', atMs: 0 } as const;
  const counts = { cycle: 1, attempts: 0, spent: 0, crashes: 0 };

  it('tells its records and what holds it, and nothing of others, until it ends', () => {
    const { acks, add } = createAcks();
    const tells: Tell[] = [];
    const unfollow = acks.follow(1, (tell) => tells.push(tell));
    add(recordAt(1, 1), recordAt(2, 2));
    acks.held({ ...held, ...counts });
    acks.held({ ...held, ...counts, seq: 2 });
    unfollow();
    add(recordAt(3, 1));
    expect(tells).toMatchObject([
      { kind: 'recorded', record: { cursor: 1 } },
      { kind: 'held', held: { heldBy: 'paused' } },
    ]);
  });

  it('may end in the middle of a tell, and does not disturb the others who listen', () => {
    const { acks, add } = createAcks();
    const told: string[] = [];
    const unfollow = acks.follow(1, () => {
      told.push('first');
      unfollow();
    });
    acks.follow(1, () => told.push('second'));
    add(recordAt(1), recordAt(2));
    expect(told).toEqual(['first', 'second', 'second']);
  });

  it('leaves nothing behind', () => {
    const { acks } = createAcks();
    const unfollow = upTo(1_000).flatMap((seq) => [
      acks.follow(seq, () => undefined),
      acks.follow(seq, () => undefined),
    ]);
    expect(acks.followed).toBe(1_000);
    for (const end of unfollow) end();
    for (const end of unfollow) end();
    expect(acks.followed).toBe(0);
  });

  it('goes on for one who follows again after another ended twice', () => {
    const { acks, add } = createAcks();
    const end = acks.follow(1, () => undefined);
    end();
    const tells: Tell[] = [];
    acks.follow(1, (tell) => tells.push(tell));
    end();
    add(recordAt(1));
    expect(tells).toHaveLength(1);
  });
});
