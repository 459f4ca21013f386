import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampMs } from '@bufbuild/protobuf/wkt';
import { AckSchema, DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { AcceptedSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../test/captured-terminal.ts';
import { fakeTime } from '../test/fake-hub.ts';
import { acceptedJson, ackJson, ackLine, detail, statusDetail } from './ack-report.ts';

const printer = captureTerminal().data;
const layout = { lead: '+12ms', adapterWidth: 10 };
const lineOf = (ack: MessageInitShape<typeof AckSchema>) => ackLine(printer, create(AckSchema, ack), layout);

describe('an ack as a line', () => {
  test('shows the receipt of what was delivered', () => {
    expect(lineOf({ adapter: 'billing', state: DeliveryState.DELIVERED, attempt: 1, receipt: '{"id":7}\n' })).toBe(
      '+12ms  billing     DELIVERED      attempt 1   {"id":7}',
    );
  });

  test('shows the error of a delivery that will be retried', () => {
    const error = { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'Service Unavailable' };
    const ack = { adapter: 'billing', state: DeliveryState.RETRYING, attempt: 2, error, nextAttemptTime: fakeTime };
    expect(lineOf(ack)).toMatch(
      /RETRYING {7}attempt 2 {3}HTTP_503: Service Unavailable; next attempt at 2026-01-02T03:04:05Z$/,
    );
  });

  test('shows no past time for the next attempt', () => {
    const error = { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'Service Unavailable' };
    const ack = create(AckSchema, { state: DeliveryState.RETRYING, error, nextAttemptTime: fakeTime });
    const dueMs = timestampMs(fakeTime);
    expect(statusDetail(ack, dueMs - 1)).toMatch(/; next attempt at 2026-01-02T03:04:05Z$/);
    expect(statusDetail(ack, dueMs)).toBe('HTTP_503: Service Unavailable; the next attempt runs, or is about to');
  });

  test('describes what holds a delivery', () => {
    expect(lineOf({ adapter: 'billing', state: DeliveryState.HELD, heldBy: HeldBy.BREAKER })).toBe(
      '+12ms  billing     HELD           not tried   its breaker is open',
    );
  });

  test.each(Object.values(HeldBy).filter((value) => typeof value === 'number' && value !== HeldBy.UNSPECIFIED))(
    'has words for each thing that can hold a delivery (%d)',
    (heldBy) => {
      expect(lineOf({ adapter: 'a', state: DeliveryState.HELD, heldBy: heldBy as HeldBy })).toMatch(/not tried {3}\w+/);
    },
  );

  test('shows a state that a newer hub added by its number', () => {
    expect(lineOf({ adapter: 'billing', state: 42 as DeliveryState, attempt: 1 })).toContain('UNKNOWN_42');
  });
});

describe('an ack as JSON', () => {
  test('has the member names of the contract, and the state without its prefix', () => {
    const ack = create(AckSchema, {
      eventId: 'e-1',
      adapter: 'billing',
      adapterVersion: '0.1.0',
      state: DeliveryState.DELIVERED,
      attempt: 1,
      cycle: 1,
      time: fakeTime,
      receipt: '',
      cursor: '3',
    });
    expect(JSON.parse(JSON.stringify(ackJson(ack)))).toEqual({
      event_id: 'e-1',
      adapter: 'billing',
      state: 'DELIVERED',
      attempt: 1,
      cycle: 1,
      time: '2026-01-02T03:04:05.678Z',
      adapter_version: '0.1.0',
      receipt: '',
      cursor: '3',
    });
  });

  test('shows the error and the next attempt of a delivery that is retried', () => {
    const ack = create(AckSchema, {
      state: DeliveryState.RETRYING,
      error: { kind: OutcomeKind.TIMED_OUT, code: 'TIMEOUT', message: 'no answer within 10 s' },
      nextAttemptTime: fakeTime,
    });
    expect(ackJson(ack)).toMatchObject({
      state: 'RETRYING',
      next_attempt_time: '2026-01-02T03:04:05.678Z',
      error: { kind: 'TIMED_OUT', code: 'TIMEOUT', message: 'no answer within 10 s' },
    });
  });

  test('a dead letter that was not sent has the reason, and no kind of failure', () => {
    const error = { code: 'NOT_SENT', message: 'a newer event of its key was on its way' };
    const ack = create(AckSchema, { state: DeliveryState.DEAD_LETTERED, cycle: 2, error });
    expect(detail(ack)).toBe('NOT_SENT: a newer event of its key was on its way; waits for an operator');
    expect(JSON.parse(JSON.stringify(ackJson(ack)))).toMatchObject({ state: 'DEAD_LETTERED', attempt: 0, cycle: 2 });
    expect(JSON.parse(JSON.stringify(ackJson(ack))).error).toEqual(error);
  });

  test('an acceptance has the state ACCEPTED, which no ack has', () => {
    const accepted = create(AcceptedSchema, { eventId: 'e-1', adapters: ['billing'], cursor: '0' });
    expect(acceptedJson(accepted)).toEqual({
      event_id: 'e-1',
      state: 'ACCEPTED',
      adapters: ['billing'],
      duplicate: false,
      cursor: '0',
    });
  });
});

describe('an ack on a narrow terminal', () => {
  const error = { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'Service Unavailable' };
  const ack = create(AckSchema, {
    adapter: 'billing',
    state: DeliveryState.RETRYING,
    attempt: 2,
    error,
    nextAttemptTime: fakeTime,
  });
  const lines = (columns: number) => {
    const { data } = captureTerminal({ isTTY: true, columns, env: { NO_COLOR: '1' } });
    return ackLine(data, ack, { lead: '+12ms', adapterWidth: 10 }).split('\n');
  };

  test.each([
    [
      80,
      ['+12ms billing RETRYING attempt 2', '    HTTP_503: Service Unavailable; next attempt at 2026-01-02T03:04:05Z'],
    ],
    [
      40,
      [
        '+12ms billing RETRYING attempt 2',
        '    HTTP_503: Service Unavailable; next',
        '    attempt at 2026-01-02T03:04:05Z',
      ],
    ],
  ])('reads well at %d columns', (columns, expected) => {
    expect(lines(columns)).toEqual(expected);
  });
});
