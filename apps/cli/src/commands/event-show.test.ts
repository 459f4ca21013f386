import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { type GetEventRequest, GetEventResponseSchema } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, fakeTime } from '../../test/fake-hub.ts';
import { fakeHubOfTest } from '../../test/fake-hub-of-test.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { run } from '../program.ts';

const unavailable = { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'Service Unavailable' };

const response: MessageInitShape<typeof GetEventResponseSchema> = {
  event: {
    id: 'e-1',
    type: 'ProcessUpdated',
    key: 'appointment-workflow',
    source: 'hms-api',
    payload: { case: 'data', value: new TextEncoder().encode('{"patient":"Doe"}') },
    dataContentType: 'application/json',
  },
  acceptedTime: fakeTime,
  publishedBy: 'token hms-api',
  deliveries: [
    {
      latest: { adapter: 'billing', state: DeliveryState.DELIVERED, attempt: 2, time: fakeTime, receipt: 'priced' },
      idempotencyKey: 'key-1',
      attempts: [
        {
          number: 1,
          cycle: 1,
          startTime: fakeTime,
          duration: durationFromMs(12),
          outcome: OutcomeKind.RETRYABLE,
          error: unavailable,
        },
        { number: 2, cycle: 1, startTime: fakeTime, duration: durationFromMs(8), outcome: OutcomeKind.DELIVERED },
      ],
    },
    { latest: { adapter: 'records', state: DeliveryState.WAITING }, idempotencyKey: 'key-2' },
  ],
};

function hubWith(answer: MessageInitShape<typeof GetEventResponseSchema>): Promise<FakeHub> {
  return fakeHubOfTest({ sync: { getEvent: () => create(GetEventResponseSchema, answer) } });
}

describe('hms-sync event show', () => {
  test('fits into 40 columns', async () => {
    const fake = await hubWith(response);
    const terminal = captureTerminal({ isTTY: true, columns: 40, env: { NO_COLOR: '1' } });
    await run(['event', 'show', 'e-1', '--address', fake.address], terminal);
    expect(terminal.stdout().split('\n')).toEqual([
      'e-1  type: ProcessUpdated  key:',
      '  appointment-workflow  source: hms-api',
      '  accepted: 2026-01-02T03:04:05Z',
      '  published by: token hms-api',
      '',
      'billing',
      '  STATE DELIVERED  ATTEMPTS 2',
      '  SINCE 2026-01-02T03:04:05Z',
      '  DETAIL priced',
      'records',
      '  STATE WAITING  ATTEMPTS 0',
      '',
      'billing',
      '  ATTEMPT 1  BEGAN 2026-01-02T03:04:05Z',
      '  TOOK 12ms  OUTCOME RETRYABLE',
      '  ERROR OR RECEIPT HTTP_503: Service',
      '    Unavailable',
      'billing',
      '  ATTEMPT 2  BEGAN 2026-01-02T03:04:05Z',
      '  TOOK 8ms  OUTCOME DELIVERED',
      '',
    ]);
  });

  test('shows the state of each delivery, and all attempts with their errors', async () => {
    const fake = await hubWith(response);
    const ended = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.ok);
    const text = ended.stdout();
    expect(text).toBe(
      [
        'e-1  type: ProcessUpdated  key: appointment-workflow  source: hms-api  accepted: 2026-01-02T03:04:05Z  published by: token hms-api',
        '',
        'ADAPTER  STATE      ATTEMPTS  SINCE                 DETAIL',
        'billing  DELIVERED  2         2026-01-02T03:04:05Z  priced',
        'records  WAITING    0         -',
        '',
        'ADAPTER  ATTEMPT  BEGAN                 TOOK  OUTCOME    ERROR OR RECEIPT',
        'billing  1        2026-01-02T03:04:05Z  12ms  RETRYABLE  HTTP_503: Service Unavailable',
        'billing  2        2026-01-02T03:04:05Z  8ms   DELIVERED',
        '',
      ].join('\n'),
    );
  });

  test('reports how many older attempts it does not show', async () => {
    const [first, ...others] = response.deliveries ?? [];
    const deliveries = [{ ...first, attemptsLeftOut: 40 }, ...others];
    const fake = await hubWith({ ...response, deliveries });
    const people = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(people.stdout()).toMatch(/billing +DELIVERED +42 /);
    expect(people.stdout()).toContain('40 older attempts are not shown');
    const programs = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(programs.jsonLines()).toMatchObject([{ deliveries: [{ attempts_left_out: 40 }, { adapter: 'records' }] }]);
  });

  test('shows the data of the event only when asked for JSON', async () => {
    const fake = await hubWith(response);
    const people = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(people.stdout()).not.toContain('Doe');
    const programs = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(programs.jsonLines()).toMatchObject([
      {
        id: 'e-1',
        published_by: 'token hms-api',
        data: { patient: 'Doe' },
        deliveries: [
          {
            adapter: 'billing',
            state: 'DELIVERED',
            idempotency_key: 'key-1',
            attempts: [
              { number: 1, duration_ms: 12, outcome: 'RETRYABLE', error: { code: 'HTTP_503' } },
              { number: 2 },
            ],
          },
          { adapter: 'records', state: 'WAITING' },
        ],
      },
    ]);
  });

  test.each(['', 'text/json', 'Application/JSON; charset=utf-8', 'application/fhir+json;v=4'])(
    'gives data of the type %j as JSON',
    async (dataContentType) => {
      const payload = { case: 'data' as const, value: new TextEncoder().encode('{"a":1}') };
      const event = { id: 'e-1', payload, dataContentType };
      const fake = await hubWith({ event });
      const ended = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
      expect(ended.jsonLines()).toMatchObject([{ data: { a: 1 } }]);
    },
  );

  test('prints large numbers of the payload unchanged', async () => {
    const data = '{"n":9007199254740993,"m":0.10,"x":1e400}';
    const payload = { case: 'data' as const, value: new TextEncoder().encode(data) };
    const event = { id: 'e-1', payload, dataContentType: 'application/json' };
    const fake = await hubWith({ event });
    const ended = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(ended.stdout()).toContain('{"n":9007199254740993,"m":0.1,"x":1e+400}');
  });

  test.each([
    ['no JSON although it is called so', 'application/json', 'not json'],
    ['of another type', 'application/octet-stream', '{}'],
    ['of a type that only begins like JSON', 'application/json-seq', '{}'],
    ['of no media type', 'json', '{}'],
  ])('gives data that is %s in base64', async (_, dataContentType, data) => {
    const event = {
      id: 'e-1',
      payload: { case: 'data' as const, value: new TextEncoder().encode(data) },
      dataContentType,
    };
    const fake = await hubWith({ event });
    const ended = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(ended.jsonLines()).toMatchObject([{ data_base64: Buffer.from(data).toString('base64') }]);
  });

  test('sends the source, also the empty one', async () => {
    const requests: GetEventRequest[] = [];
    const getEvent = (request: GetEventRequest) => {
      requests.push(request);
      return create(GetEventResponseSchema, response);
    };
    const fake = await fakeHubOfTest({ sync: { getEvent } });
    for (const more of [[], ['--source', 'clinic-1'], ['--source', '']]) {
      await runInProcess('event', 'show', 'e-1', ...more, '--address', fake.address);
    }
    expect(requests.map(({ source }) => source)).toEqual([undefined, 'clinic-1', '']);
  });

  test('an unknown id is an error with a message', async () => {
    const fake = await fakeHubOfTest({
      sync: {
        getEvent: () => {
          throw new ConnectError('no event has the id "e-2"', Code.NotFound);
        },
      },
    });
    const ended = await runInProcess('event', 'show', 'e-2', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toBe('hms-sync: NOT_FOUND: no event has the id "e-2"\n');
  });
});
