import { expect, it } from 'vitest';
import type { RecordEffect } from '../core/lane-messages.ts';
import { readyDelivery } from '../core/scripted-lane.fixture.ts';
import { deliveryRecord } from './delivery-record.ts';

const { event } = readyDelivery({ seq: 7, key: 'process-9' });
const counts = { cycle: 1, attempts: 2, spent: 1, crashes: 0 };
const failure = { code: 'HTTP_503', message: 'unwell' };
const about = { adapter: { id: 'billing', version: '1.2.3' }, nowMs: 5_000 };

const effect: RecordEffect = {
  kind: 'record',
  event,
  counts,
  state: 'retrying',
  nextAttemptInMs: 100.5,
  notBeforeInMs: 0,
  attempt: { durationMs: 40.25, outcome: { kind: 'retryable', failure } },
};

it('says in clock time when an attempt began and when the next is due', () => {
  expect(deliveryRecord(effect, about)).toEqual({
    adapter: 'billing',
    adapterVersion: '1.2.3',
    seq: 7,
    eventId: 'event-7',
    source: 'hms-api',
    key: 'process-9',
    state: 'retrying',
    ...counts,
    atMs: 5_000,
    nextAttemptAtMs: 5_101,
    attempt: { startedAtMs: 4_959, durationMs: 40.25, outcome: 'retryable', receipt: '', failure },
  });
});

it('keeps the receipt of what was delivered', () => {
  const outcome = { kind: 'delivered', receipt: 'r-1' } as const;
  const record = deliveryRecord({ ...effect, state: 'delivered', attempt: { durationMs: 1, outcome } }, about);
  expect(record.attempt).toEqual({ startedAtMs: 4_999, durationMs: 1, outcome: 'delivered', receipt: 'r-1' });
});

it('names no version and no attempt when no code ran', () => {
  const skipped = { ...effect, state: 'skipped', nextAttemptInMs: undefined, attempt: undefined } as const;
  const record = deliveryRecord(skipped, about);
  expect(record).toMatchObject({ state: 'skipped', adapterVersion: '', nextAttemptAtMs: 0 });
  expect(record).not.toHaveProperty('attempt');
});
