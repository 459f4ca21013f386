import type { RecordedCall } from '@hms-sync/sandbox';
import { expect, test } from 'vitest';
import { EventLog } from './event-log.ts';
import { summarize } from './summary.ts';

const SILENT = { onAccepted: () => undefined, onDelivered: () => undefined };

/** The calls that every system recorded, in their order. */
function systems(...calls: readonly (Partial<RecordedCall> & { readonly number: number; readonly key: string })[]) {
  const recorded = calls.map(({ number, ...call }) => ({
    eventId: `change-${number}`,
    attempt: 1,
    effect: true,
    ...call,
  }));
  return { calls: () => recorded as unknown as RecordedCall[] };
}

function logOf(...keys: readonly string[]): EventLog {
  const log = new EventLog(['billing'], SILENT);
  for (const [index, key] of keys.entries()) {
    log.published(index + 1, key);
    log.accepted(index + 1, 'hub-1', []);
  }
  return log;
}

test('an accepted event that a system did not apply is lost, whatever its acks say', () => {
  const log = logOf('a', 'b');
  log.delivered(2, 'billing');
  expect(summarize(log, systems({ number: 1, key: 'a' }))).toMatchObject({ accepted: 2, delivered: 1, lost: 1 });
});

test('a change that was applied after a later one of its process is overtaken', () => {
  const calls = [2, 1, 3].map((number) => ({ number, key: number === 3 ? 'b' : 'a' }));
  expect(summarize(logOf('a', 'a', 'b'), systems(...calls))).toMatchObject({ lost: 0, overtaken: 3 });
});

test('an attempt that was made again is counted, and is no loss', () => {
  const calls = systems({ number: 1, key: 'a' }, { number: 1, key: 'a', attempt: 2, effect: false });
  expect(summarize(logOf('a'), calls)).toMatchObject({ delivered: 1, lost: 0, overtaken: 0, repeated: 3 });
});

test('an event without an answer is not lost', () => {
  const log = new EventLog(['billing'], SILENT);
  log.published(1, 'a');
  expect(summarize(log, systems())).toMatchObject({ published: 1, accepted: 0, lost: 0 });
});
