import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { newCall } from '../test/new-call.ts';
import type { Call } from './call.ts';
import { CallLog } from './call-log.ts';
import { Receipts } from './receipts.ts';

function newLog(options: { keepCalls?: number; keepBodyBytes?: number; onForgotten?: (call: Call) => void } = {}) {
  return new CallLog({
    keepCalls: 1_000,
    keepBodyBytes: 1_000_000,
    onForgotten: () => {},
    onChange: () => {},
    ...options,
  });
}

function add(log: CallLog, changes: Partial<Call> = {}): void {
  log.add(newCall({ sequence: log.nextSequence, ...changes }));
}

function sequences(calls: readonly Call[]): number[] {
  return calls.map((call) => call.sequence);
}

describe('CallLog', () => {
  it('forgets the oldest calls beyond its bound and reports how many', () => {
    const forgotten: number[] = [];
    const log = newLog({ keepCalls: 3, onForgotten: (call) => forgotten.push(call.sequence) });
    for (let i = 0; i < 5; i += 1) add(log, { effect: i !== 3 });
    expect(sequences(log.find({}))).toEqual([3, 4, 5]);
    expect(forgotten).toEqual([1, 2]);
    expect(log.count({})).toEqual({ count: 3, effects: 2, forgotten: 2 });
  });

  it('finds by every field of a query, oldest first, from a cursor and up to a limit', () => {
    const log = newLog();
    add(log, { system: 'records', key: 'a', eventId: 'e1', idempotencyKey: 'i1' });
    add(log, { system: 'billing', key: 'a', eventId: 'e1', idempotencyKey: 'i2' });
    add(log, { system: 'billing', key: 'b', eventId: 'e2', idempotencyKey: 'i3' });
    add(log, { system: 'billing', key: 'b', eventId: 'e2', idempotencyKey: 'i3' });
    expect(sequences(log.find({ system: 'billing' }))).toEqual([2, 3, 4]);
    expect(sequences(log.find({ key: 'a' }))).toEqual([1, 2]);
    expect(sequences(log.find({ eventId: 'e2' }))).toEqual([3, 4]);
    expect(sequences(log.find({ idempotencyKey: 'i2' }))).toEqual([2]);
    expect(sequences(log.find({ since: 2 }))).toEqual([3, 4]);
    expect(sequences(log.find({ system: 'billing', limit: 2 }))).toEqual([2, 3]);
    expect(log.count({ system: 'billing', limit: 1 }).count).toBe(3);
  });

  it('keeps only the newest bodies within its bound, while the calls stay', () => {
    const log = newLog({ keepBodyBytes: 25 });
    for (let i = 0; i < 5; i += 1) add(log, { bodyText: '0123456789' });
    expect(log.bodyBytes).toBe(20);
    expect(log.find({}).map((call) => call.bodyText !== null)).toEqual([false, false, false, true, true]);
    add(log, { bodyText: 'x'.repeat(26) });
    expect(log.bodyBytes).toBe(0);
  });

  it('continues its sequence after it was cleared, so that a cursor stays valid', () => {
    const log = newLog({ keepCalls: 3 });
    for (let i = 0; i < 5; i += 1) add(log);
    expect(log.clear()).toBe(3);
    expect(log.find({})).toEqual([]);
    expect(log.bodyBytes).toBe(0);
    add(log);
    expect(sequences(log.find({ since: 5 }))).toEqual([6]);
    expect(log.count({})).toEqual({ count: 1, effects: 1, forgotten: 0 });
  });

  it('keeps its bounds and its order for any sequence of calls and clears', () => {
    const step = fc.oneof(
      { weight: 9, arbitrary: fc.nat(40) },
      { weight: 1, arbitrary: fc.constant('clear' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 9 }), (steps, keepCalls) => {
        const log = newLog({ keepCalls, keepBodyBytes: 60 });
        let model: number[] = [];
        for (const made of steps) {
          if (made === 'clear') {
            log.clear();
            model = [];
          } else {
            model = [...model, log.nextSequence].slice(-keepCalls);
            add(log, { bodyText: 'x'.repeat(made) });
          }
          const calls = log.find({});
          expect(sequences(calls)).toEqual(model);
          const heldBytes = calls.reduce((sum, call) => sum + (call.bodyText?.length ?? 0), 0);
          expect(log.bodyBytes).toBe(heldBytes);
          expect(heldBytes).toBeLessThanOrEqual(60);
          const hasBody = calls.map((call) => call.bodyText !== null);
          expect(hasBody).toEqual(hasBody.toSorted());
          const newest = calls.at(-1);
          if (newest !== undefined) expect(newest.bodyText).not.toBeNull();
        }
      }),
    );
  });
});

describe('Receipts', () => {
  it('are dropped with the last call of their key', () => {
    const receipts = new Receipts('billing');
    const log = newLog({
      keepCalls: 2,
      onForgotten: (call) => receipts.forget(call.idempotencyKey, call.sequence),
    });
    const attempts = ['i1', 'i1', 'i2', 'i1', 'i3', 'i4', 'i1'].map((idempotencyKey) => {
      const attempt = receipts.countAttempt(idempotencyKey, log.nextSequence);
      add(log, { idempotencyKey });
      return attempt;
    });
    expect(attempts).toEqual([1, 2, 1, 3, 1, 1, 1]);
    expect(receipts.size).toBe(2);
  });

  it('are one for each idempotency key, and one for each call without a key', () => {
    const receipts = new Receipts('scheduling');
    receipts.countAttempt('i1', 1);
    receipts.countAttempt('i1', 2);
    expect(receipts.apply('i1')).toEqual({ receipt: 'sched-000001', effect: true });
    expect(receipts.apply('i1')).toEqual({ receipt: 'sched-000001', effect: false });
    expect(receipts.apply(null)).toEqual({ receipt: 'sched-000002', effect: true });
    expect(receipts.apply(null)).toEqual({ receipt: 'sched-000003', effect: true });
  });
});
