import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EventLog } from './event-log.ts';
import { Screen } from './screen.ts';

let lines: string[];
let screen: Screen;
let log: EventLog;

beforeEach(() => {
  vi.useFakeTimers();
  lines = [];
  screen = new Screen({ adapters: ['records', 'billing'], write: (line) => lines.push(line), isColored: false });
  log = new EventLog(['records', 'billing'], screen);
});

afterEach(() => {
  vi.useRealTimers();
});

test('an event has its row as soon as all is delivered, under a head', () => {
  log.published(1, 'appointment');
  vi.advanceTimersByTime(4);
  log.accepted(1, 'hub-2', []);
  vi.advanceTimersByTime(8);
  log.delivered(1, 'records');
  log.delivered(1, 'billing');
  expect(lines).toEqual([
    '          event  ACCEPTED             DELIVERED',
    '                 by     after         records     billing',
    '   0.0 s  #1     hub-2    4 ms         12 ms       12 ms',
  ]);
});

test('what comes after its row is reported together', () => {
  for (const number of [1, 2]) {
    log.published(number, 'appointment');
    log.accepted(number, 'hub-1', number === 2 ? ['hub-3'] : []);
    vi.advanceTimersByTime(500);
    log.delivered(number, 'records');
  }
  vi.advanceTimersByTime(18_000);
  log.delivered(1, 'billing');
  log.delivered(2, 'billing');
  expect(log.isOpen).toBe(false);
  vi.advanceTimersByTime(600);
  expect(lines.slice(2)).toEqual([
    '   0.5 s  #1     hub-1    0 ms         waits       waits',
    '   0.9 s  #2     hub-1    0 ms         waits       waits      no answer: hub-3',
    '   1.1 s  records: DELIVERED #1 to #2, which waited up to 500 ms',
    '  19.6 s  billing: DELIVERED #1 to #2, which waited up to 19.0 s',
  ]);
});

test('a chapter says when it begins and what to expect, and the head comes again', () => {
  screen.chapter('kill -9 of hub-1', 'It runs billing. '.repeat(8).trim());
  screen.note('hub-2 runs billing');
  log.published(1, 'appointment');
  log.accepted(1, 'hub-2', []);
  screen.end();
  expect(lines).toEqual([
    '',
    `   0.0 s  kill -9 of hub-1 ${'─'.repeat(65)}`,
    '          It runs billing. It runs billing. It runs billing. It runs billing. It runs',
    '          billing. It runs billing. It runs billing. It runs billing.',
    '',
    '   0.0 s  hub-2 runs billing',
    '',
    '          event  ACCEPTED             DELIVERED',
    '                 by     after         records     billing',
    '   0.0 s  #1     hub-2    0 ms         waits       waits',
  ]);
});

test('waits until nothing is missing, or the time is over', async () => {
  log.published(1, 'appointment');
  log.accepted(1, 'hub-1', []);
  const settled = vi.fn();
  void log.settled(1_000).then(settled);
  log.delivered(1, 'records');
  await vi.advanceTimersByTimeAsync(0);
  expect(settled).not.toHaveBeenCalled();
  log.delivered(1, 'billing');
  await vi.advanceTimersByTimeAsync(0);
  expect(settled).toHaveBeenCalledOnce();
  log.published(2, 'appointment');
  log.accepted(2, 'hub-1', []);
  void log.settled(1_000).then(settled);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(settled).toHaveBeenCalledTimes(2);
});
