import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs } from '@bufbuild/protobuf/wkt';
import { Code, ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema } from '@hms-sync/proto/google/rpc/error_details';
import { DeliveryErrorSchema, DeliveryState, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import type { TailEventsRequest, TailEventsResponseSchema } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { type GetEventRequest, GetEventResponseSchema, PublishUntil } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterEach, describe, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, type FakeHubPlan, fakeTime, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { run } from '../program.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function startFake(plan?: FakeHubPlan): Promise<FakeHub> {
  const fake = await startFakeHub(plan);
  cleanups.push(() => fake.close());
  return fake;
}

const refused = new ConnectError('the event is refused', Code.InvalidArgument, undefined, [
  { desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason: 'EVENT_INVALID', domain: 'hms-sync' }) },
  {
    desc: BadRequestSchema,
    value: create(BadRequestSchema, { fieldViolations: [{ field: 'event.id', description: 'is too long' }] }),
  },
]);

describe('hms-sync event publish', () => {
  test('hands the event over as it was given', async () => {
    const fake = await startFake();
    const data = '{"big": 12345678901234567890}';
    const given = ['--type', 'T', '--key', 'k', '--id', 'i', '--source', 's', '--data', data];
    expect((await runInProcess('event', 'publish', ...given, '--address', fake.address)).exitCode).toBe(ExitCode.ok);
    expect(fake.published[0]).toMatchObject({
      until: PublishUntil.SETTLED,
      event: { type: 'T', key: 'k', id: 'i', source: 's', dataContentType: 'application/json' },
    });
    const payload = fake.published[0]?.event?.payload;
    expect(payload?.case === 'data' && new TextDecoder().decode(payload.value)).toBe(data);
  });

  test('shows what the hub warns of, in words and as JSON, and ends with 0', async () => {
    const warning = 'the hub has no adapters: it delivers this event to nobody';
    const fake = await startFake({
      sync: {
        async *publish({ event }) {
          const accepted = { eventId: event?.id ?? '', cursor: '0', warnings: [warning] };
          yield { result: { case: 'accepted', value: accepted } };
        },
      },
    });
    const asked = ['event', 'publish', '--type', 'T', '--address', fake.address];
    const inWords = await runInProcess(...asked);
    expect(inWords).toMatchObject({ exitCode: ExitCode.ok });
    expect(inWords.stdout()).toContain(`WARNING   ${warning}`);
    expect((await runInProcess(...asked, '--jsonl')).jsonLines()).toMatchObject([{ warnings: [warning] }]);
  });

  test('makes an id of its own, so that the same event can be published again after a lost answer', async () => {
    const fake = await startFake();
    for (let run = 0; run < 2; run++) await runInProcess('event', 'publish', '--type', 'T', '--address', fake.address);
    const ids = fake.published.map(({ event }) => event?.id);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(ids[1]).not.toBe(ids[0]);
  });

  test('publishes the very same content when it is called again', async () => {
    const fake = await startFake();
    const again = ['event', 'publish', '--type', 'T', '--id', 'i', '--data', '{}', '--address', fake.address];
    for (let run = 0; run < 2; run++) await runInProcess(...again);
    expect(fake.published[1]).toEqual(fake.published[0]);
    expect(fake.published[0]?.event?.time).toBeUndefined();
  });

  test('prints the acceptance and every ack as JSON, one object a line', async () => {
    const fake = await startFake();
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--jsonl', '--address', fake.address);
    expect(ended.jsonLines().map(({ adapter, state }) => [adapter, state])).toEqual([
      [undefined, 'ACCEPTED'],
      ['billing', 'DELIVERED'],
      ['records', 'DELIVERED'],
      ['scheduling', 'DELIVERED'],
    ]);
    expect(ended.stderr()).toBe('');
  });

  test('prints a line for each ack, with the time since the acceptance and the receipt', async () => {
    const fake = await startFake();
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--id', 'i', '--address', fake.address);
    const [accepted, billing] = ended.stdout().split('\n');
    expect(accepted).toBe('ACCEPTED  i for billing, records, scheduling');
    expect(billing).toMatch(/^ *\+\d+ms {2}billing {5}DELIVERED {6}attempt 1 {3}billing took it$/);
  });

  test('fails when an adapter gave up on the event, and says which and why', async () => {
    const error = create(DeliveryErrorSchema, {
      kind: OutcomeKind.PERMANENT,
      code: 'HTTP_422',
      message: 'no such slot',
    });
    const fake = await startFake({
      acks: {
        billing: [{ state: DeliveryState.DEAD_LETTERED, attempt: 1, error }],
        records: [{ state: DeliveryState.SKIPPED }],
      },
    });
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.failed);
    expect(ended.stderr()).toBe(
      'hms-sync: billing did not take the event: HTTP_422: no such slot; waits for an operator\n',
    );
  });

  test('ends after --timeout with a code of its own, and says what is still waited for', async () => {
    const error = create(DeliveryErrorSchema, {
      kind: OutcomeKind.RETRYABLE,
      code: 'HTTP_503',
      message: 'unavailable',
    });
    const fake = await startFake({
      acks: {
        billing: [{ state: DeliveryState.RETRYING, attempt: 1, error }],
        records: [{ state: DeliveryState.DELIVERED }],
      },
    });
    const flags = ['--type', 'T', '--id', 'i', '--timeout', '2s', '--address', fake.address];
    const ended = await runInProcess('event', 'publish', ...flags);
    expect(ended.exitCode).toBe(ExitCode.notSettled);
    expect(ended.stderr()).toBe(
      [
        'hms-sync: accepted, but not settled everywhere within 2s',
        '  billing: RETRYING, HTTP_503: unavailable',
        `  It is on disk, and the hub continues without this command: hms-sync event show i --address ${fake.address}`,
        '',
      ].join('\n'),
    );
  });

  test('a failure that is known when the time is up is the end of it', async () => {
    const fake = await startFake({
      acks: { billing: [{ state: DeliveryState.DEAD_LETTERED, attempt: 1 }], records: [{ state: DeliveryState.HELD }] },
    });
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--timeout', '2s', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.failed);
    expect(ended.stderr()).toMatch(/^ {2}billing: DEAD_LETTERED/m);
    expect(ended.stderr()).toMatch(/^ {2}records: HELD/m);
  });

  test('ends after --timeout when the hub does not answer, and says how to publish the same event later', async () => {
    const fake = await startFake({
      sync: {
        async *publish(_request, { signal }) {
          await new Promise((resolve) => signal.addEventListener('abort', resolve));
        },
      },
    });
    const ended = await runInProcess(
      'event',
      'publish',
      '--type',
      'T',
      '--id',
      'i',
      '--timeout',
      '0.2s',
      '--address',
      fake.address,
    );
    expect(ended.exitCode).toBe(ExitCode.noAnswer);
    expect(ended.stderr()).toContain('did not answer within 200ms: whether it accepted the event is unknown');
    expect(ended.stderr()).toContain('the same command with --id i');
  });

  test.each([
    ['accepted', PublishUntil.ACCEPTED],
    ['first-attempt', PublishUntil.FIRST_ATTEMPT],
    ['settled', PublishUntil.SETTLED],
  ])('--until %s is handed to the hub', async (name, until) => {
    const fake = await startFake();
    await runInProcess('event', 'publish', '--type', 'T', '--until', name, '--address', fake.address);
    expect(fake.published[0]?.until).toBe(until);
  });

  test('a refused event names its fields', async () => {
    const fake = await startFake({
      sync: {
        // biome-ignore lint/correctness/useYield: it fails before its first message
        async *publish() {
          throw refused;
        },
      },
    });
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toBe(
      'hms-sync: INVALID_ARGUMENT (EVENT_INVALID): the event is refused\n  event.id: is too long\n',
    );
  });

  test('without a hub it says where it looked, and how to publish the same event later', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--id', 'i', '--address', '127.0.0.1:1');
    expect(ended.exitCode).toBe(ExitCode.noAnswer);
    expect(ended.stderr()).toContain('no hub answers at http://127.0.0.1:1 (ECONNREFUSED)');
    expect(ended.stderr()).toContain('the same command with --id i');
  });

  test('data that is the name of a file gets a hint at the @, and a missing file is called missing', async () => {
    const name = await runInProcess('event', 'publish', '--type', 'T', '--data', 'slots.json');
    expect(name.stderr()).toBe('hms-sync: --data is not JSON. To read it from a file: --data @<file>\n');
    const missing = await runInProcess('event', 'publish', '--type', 'T', '--data', '@/none/slots.json');
    expect(missing.stderr()).toBe('hms-sync: --data: cannot read /none/slots.json: there is no such file.\n');
  });

  test('data that is no JSON is refused by its place, and is not repeated', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--data', '{"secret": hunter2}');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toMatch(/^hms-sync: --data is not JSON/);
    expect(ended.stderr()).not.toContain('hunter2');
  });

  test.each([
    ['that is not UTF-8', Buffer.from('{"name":"Jos\u00e9"}', 'latin1'), 'is not UTF-8 at byte offset 12'],
    ['with a byte order mark', Buffer.from('\ufeff{}'), 'begins with a byte order mark'],
    ['in UTF-16', Buffer.from('\ufeff{"a":1}', 'utf16le'), 'is not UTF-8 at byte offset 0'],
    ['nested too deep', Buffer.from('['.repeat(65).concat(']'.repeat(65))), 'is nested deeper than 64 levels'],
  ])('a file %s is refused before anything is published', async (_what, bytes, says) => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-sync-cli-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'change.json'), bytes);
    const fake = await startFake();
    const file = `@${join(folder, 'change.json')}`;
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--data', file, '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(`--data ${says}`);
    expect(fake.published).toEqual([]);
  });

  test('an argument that is not UTF-8 is refused', async () => {
    const ended = await runInProcess('event', 'publish', '--type', 'T', '--key', 'Jos\ufffd');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain('argument 6 is not UTF-8');
  });

  test('@file reads the data from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hms-sync-cli-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, 'change.json'), '{"a":1}');
    const fake = await startFake();
    const file = `@${join(folder, 'change.json')}`;
    await runInProcess('event', 'publish', '--type', 'T', '--data', file, '--address', fake.address);
    const payload = fake.published[0]?.event?.payload;
    expect(payload?.case === 'data' && new TextDecoder().decode(payload.value)).toBe('{"a":1}');

    const missing = await runInProcess('event', 'publish', '--type', 'T', '--data', `${file}.missing`);
    expect(missing.exitCode).toBe(ExitCode.usage);
    expect(missing.stderr()).toContain('change.json.missing: there is no such file.');
  });
});

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

describe('hms-sync event show', () => {
  test('reads well at 40 columns', async () => {
    const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, response) } });
    const terminal = captureTerminal({ isTTY: true, columns: 40, env: { NO_COLOR: '1' } });
    await run(['event', 'show', 'e-1', '--address', fake.address], terminal);
    expect(terminal.stdout().split('\n')).toEqual([
      'e-1  type: ProcessUpdated  key:',
      '  appointment-workflow  source: hms-api',
      '  accepted: 2026-01-02T03:04:05Z',
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

  test('shows where each delivery stands, and all attempts with their errors', async () => {
    const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, response) } });
    const ended = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.ok);
    const text = ended.stdout();
    expect(text).toBe(
      [
        'e-1  type: ProcessUpdated  key: appointment-workflow  source: hms-api  accepted: 2026-01-02T03:04:05Z',
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

  test('says how many older attempts it does not show', async () => {
    const [first, ...others] = response.deliveries ?? [];
    const deliveries = [{ ...first, attemptsLeftOut: 40 }, ...others];
    const fake = await startFake({
      sync: { getEvent: () => create(GetEventResponseSchema, { ...response, deliveries }) },
    });
    const people = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(people.stdout()).toMatch(/billing +DELIVERED +42 /);
    expect(people.stdout()).toContain('40 older attempts are not shown');
    const programs = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(programs.jsonLines()).toMatchObject([{ deliveries: [{ attempts_left_out: 40 }, { adapter: 'records' }] }]);
  });

  test('shows the data of the event only when asked for JSON', async () => {
    const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, response) } });
    const people = await runInProcess('event', 'show', 'e-1', '--address', fake.address);
    expect(people.stdout()).not.toContain('Doe');
    const programs = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(programs.jsonLines()).toMatchObject([
      {
        id: 'e-1',
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
      const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, { event }) } });
      const ended = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
      expect(ended.jsonLines()).toMatchObject([{ data: { a: 1 } }]);
    },
  );

  test('prints numbers of the data by their value, also where no double holds it', async () => {
    const data = '{"n":9007199254740993,"m":0.10,"x":1e400}';
    const payload = { case: 'data' as const, value: new TextEncoder().encode(data) };
    const event = { id: 'e-1', payload, dataContentType: 'application/json' };
    const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, { event }) } });
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
    const fake = await startFake({ sync: { getEvent: () => create(GetEventResponseSchema, { event }) } });
    const ended = await runInProcess('event', 'show', 'e-1', '--json', '--address', fake.address);
    expect(ended.jsonLines()).toMatchObject([{ data_base64: Buffer.from(data).toString('base64') }]);
  });

  test('asks for the event of one source, also of the empty one', async () => {
    const requests: GetEventRequest[] = [];
    const getEvent = (request: GetEventRequest) => {
      requests.push(request);
      return create(GetEventResponseSchema, response);
    };
    const fake = await startFake({ sync: { getEvent } });
    for (const more of [[], ['--source', 'clinic-1'], ['--source', '']]) {
      await runInProcess('event', 'show', 'e-1', ...more, '--address', fake.address);
    }
    expect(requests.map(({ source }) => source)).toEqual([undefined, 'clinic-1', '']);
  });

  test('an unknown id is an error in words', async () => {
    const fake = await startFake({
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

const happenings: MessageInitShape<typeof TailEventsResponseSchema>[] = [
  {},
  { happening: { case: 'accepted', value: { id: 'e-1', type: 'ProcessUpdated', key: 'p-1', time: fakeTime } } },
  {
    happening: {
      case: 'ack',
      value: { eventId: 'e-1', adapter: 'billing', state: DeliveryState.DELIVERED, attempt: 1, time: fakeTime },
    },
  },
  { happening: { case: 'missed', value: 7n } },
];

async function startTail(): Promise<{ fake: FakeHub; requests: TailEventsRequest[] }> {
  const requests: TailEventsRequest[] = [];
  const fake = await startFake({
    admin: {
      async *tailEvents(request) {
        requests.push(request);
        yield* happenings;
      },
    },
  });
  return { fake, requests };
}

describe('hms-sync event tail', () => {
  test('prints events as they happen, and how many were dropped, until the hub ends the stream', async () => {
    const { fake, requests } = await startTail();
    const run = await runInProcess('event', 'tail', '--adapter', 'billing', '--address', fake.address);
    expect(run.stdout()).toBe(
      [
        '2026-01-02T03:04:05Z  e-1  ACCEPTED  ProcessUpdated of p-1',
        '2026-01-02T03:04:05Z  e-1  billing       DELIVERED      attempt 1',
        '',
      ].join('\n'),
    );
    expect(run.stderr()).toContain('(7 left out here: they came faster than they were read)');
    expect(run.exitCode).toBe(ExitCode.noAnswer);
    expect(requests).toMatchObject([{ filter: { adapters: ['billing'] } }]);
  });

  test('gives one JSON object a line', async () => {
    const { fake } = await startTail();
    const run = await runInProcess('event', 'tail', '--jsonl', '--address', fake.address);
    expect(run.jsonLines()).toMatchObject([
      { kind: 'accepted', event_id: 'e-1', key: 'p-1' },
      { kind: 'ack', event_id: 'e-1', state: 'DELIVERED' },
      { kind: 'missed', missed: 7 },
    ]);
  });
});
