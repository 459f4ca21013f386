import type { MessageInitShape } from '@bufbuild/protobuf';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  DeliveryGrouping,
  type ListDeliveriesRequest,
  type ListedDeliverySchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { afterEach, describe, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, fakeTime, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { run } from '../program.ts';

let fake: FakeHub;
afterEach(() => fake.close());

const error = { kind: OutcomeKind.RETRYABLE, code: 'HTTP_503', message: 'Service Unavailable' };

const listed: MessageInitShape<typeof ListedDeliverySchema>[] = [
  {
    latest: { eventId: 'e-3', adapter: 'billing', state: DeliveryState.HELD, heldBy: HeldBy.BREAKER, error, cycle: 1 },
    type: 'ProcessUpdated',
    acceptedTime: fakeTime,
  },
  {
    latest: { eventId: 'e-2', adapter: 'records', state: DeliveryState.DEAD_LETTERED, attempt: 3, error, cycle: 2 },
    type: 'ProcessUpdated',
    key: 'p-1',
    acceptedTime: fakeTime,
  },
  { latest: { eventId: 'e-1', adapter: 'billing', state: DeliveryState.DISCARDED, cycle: 1 }, reason: 'by hand' },
];

/** A hub with these deliveries, in pages of as many as are asked for. */
async function startWith(deliveries: typeof listed): Promise<ListDeliveriesRequest[]> {
  const requests: ListDeliveriesRequest[] = [];
  fake = await startFakeHub({
    admin: {
      listDeliveries: (request) => {
        requests.push(request);
        const start = Number(request.pageToken);
        const end = start + request.pageSize;
        return { deliveries: deliveries.slice(start, end), nextPageToken: end < deliveries.length ? String(end) : '' };
      },
      countDeliveries: ({ groupBy, groupsMax }) => ({
        deliveries: BigInt(deliveries.length),
        groups:
          groupBy === DeliveryGrouping.UNSPECIFIED
            ? []
            : [
                { name: 'HTTP_503', deliveries: 2n },
                { name: '', deliveries: BigInt(groupsMax) },
              ],
        others: 7n,
      }),
    },
  });
  return requests;
}

describe('hms-sync deliveries', () => {
  test('shows what is not delivered and why', async () => {
    await startWith(listed);
    const ended = await runInProcess('deliveries', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.ok);
    expect(ended.stdout()).toBe(
      [
        'STATE          ADAPTER  EVENT  KEY  ACCEPTED              ATTEMPT  WHY',
        'HELD           billing  e-3    -    2026-01-02T03:04:05Z  0        its breaker is open; last HTTP_503: Service Unavailable',
        'DEAD_LETTERED  records  e-2    p-1  2026-01-02T03:04:05Z  2.3      HTTP_503: Service Unavailable; waits for an operator',
        'DISCARDED      billing  e-1    -    -                     0        discarded by an operator: by hand',
        '',
      ].join('\n'),
    );
  });

  test('shows the sources where there are several', async () => {
    const ids = [
      ['e-3', 'clinic-1'],
      ['e-2', ''],
    ] as const;
    await startWith(ids.map(([eventId, source]) => ({ latest: { eventId, source, adapter: 'billing' }, key: 'p-1' })));
    const ended = await runInProcess('deliveries', '--address', fake.address);
    const lines = ended.stdout().split('\n');
    expect(lines[0]).toMatch(/^STATE +ADAPTER +EVENT +SOURCE +KEY /);
    expect(lines[1]).toMatch(/ e-3 +clinic-1 +p-1 /);
    expect(lines[2]).toMatch(/ e-2 +- +p-1 /);
  });

  test('says how many there are in all', async () => {
    await startWith(listed);
    const ended = await runInProcess('deliveries', '--address', fake.address);
    expect(ended.stderr()).toBe('3 in all.\n');
  });

  test('counts them by what they have in common', async () => {
    await startWith(listed);
    const ended = await runInProcess('deliveries', '--group-by', 'error', '--limit', '4', '--address', fake.address);
    expect(ended.stdout()).toBe(
      ['DELIVERIES  ERROR', '2           HTTP_503', '4           (no failure)', '7           (all others)', ''].join(
        '\n',
      ),
    );
    expect(ended.stderr()).toBe('3 in all.\n');
    const json = await runInProcess('deliveries', '--group-by', 'adapter', '--json', '--address', fake.address);
    expect(json.jsonLines()).toEqual([
      {
        deliveries: 3,
        groups: [
          { adapter: 'HTTP_503', deliveries: 2 },
          { adapter: '', deliveries: 100 },
        ],
        others: 7,
      },
    ]);
  });

  test.each([
    [
      80,
      [
        'STATE          ADAPTER  EVENT  KEY  ACCEPTED              ATTEMPT',
        'HELD           billing  e-3    -    2026-01-02T03:04:05Z  0',
        '  WHY its breaker is open; last HTTP_503: Service Unavailable',
        'DEAD_LETTERED  records  e-2    p-1  2026-01-02T03:04:05Z  2.3',
        '  WHY HTTP_503: Service Unavailable; waits for an operator',
        'DISCARDED      billing  e-1    -    -                     0',
        '  WHY discarded by an operator: by hand',
      ],
    ],
    [
      40,
      [
        'HELD',
        '  ADAPTER billing  EVENT e-3',
        '  ACCEPTED 2026-01-02T03:04:05Z',
        '  ATTEMPT 0',
        '  WHY its breaker is open; last',
        '    HTTP_503: Service Unavailable',
        'DEAD_LETTERED',
        '  ADAPTER records  EVENT e-2  KEY p-1',
        '  ACCEPTED 2026-01-02T03:04:05Z',
        '  ATTEMPT 2.3',
        '  WHY HTTP_503: Service Unavailable;',
        '    waits for an operator',
        'DISCARDED',
        '  ADAPTER billing  EVENT e-1  ATTEMPT 0',
        '  WHY discarded by an operator: by hand',
      ],
    ],
  ])('reads well at %d columns', async (columns, lines) => {
    await startWith(listed);
    const terminal = captureTerminal({ isTTY: true, columns, env: { NO_COLOR: '1' } });
    await run(['deliveries', '--address', fake.address], terminal);
    expect(terminal.stdout().trimEnd().split('\n')).toEqual(lines);
  });

  test('gives one JSON object a line', async () => {
    await startWith(listed);
    const ended = await runInProcess('deliveries', 'list', '--json', '--address', fake.address);
    expect(ended.jsonLines()).toMatchObject([
      { event_id: 'e-3', adapter: 'billing', state: 'HELD', held_by: 'BREAKER', error: { code: 'HTTP_503' } },
      { event_id: 'e-2', key: 'p-1', cycle: 2, accepted_time: '2026-01-02T03:04:05.678Z' },
      { event_id: 'e-1', reason: 'by hand' },
    ]);
  });

  test('asks for as many pages as it needs, and says when there is more', async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => ({ latest: { eventId: `e-${index}` } }));
    const requests = await startWith(many);
    const ended = await runInProcess('deliveries', '--json', '--limit', '2100', '--address', fake.address);
    expect(ended.jsonLines()).toHaveLength(2_100);
    expect(requests.map(({ pageSize }) => pageSize)).toEqual([1_000, 1_000, 100]);
    expect(ended.stderr()).toBe(
      '2500 in all; these are the newest 2100: raise --limit, narrow the filter, or --group-by.\n',
    );
  });

  test('says so when nothing matches', async () => {
    await startWith([]);
    const ended = await runInProcess('deliveries', '--address', fake.address);
    expect(ended).toMatchObject({ exitCode: ExitCode.ok });
    expect(ended.stdout()).toBe('Nothing that is not delivered matches.\n');
  });

  test('its flags are the fields of the filter', async () => {
    const requests = await startWith([]);
    const flags = ['--adapter', 'billing', '--adapter', 'records', '--state', 'dead-lettered', '--state', 'HELD'];
    const more = ['--type', 'T', '--key', 'p-1', '--event-id', 'e-1', '--source', '', '--error-kind', 'timed_out'];
    const times = ['--since', '2026-01-02T03:04:05.678Z', '--until', '2026-01-02T04:04:05.678+01:00'];
    await runInProcess('deliveries', ...flags, ...more, ...times, '--address', fake.address);
    expect(requests[0]?.filter).toMatchObject({
      adapters: ['billing', 'records'],
      states: [DeliveryState.DEAD_LETTERED, DeliveryState.HELD],
      types: ['T'],
      keys: ['p-1'],
      eventIds: ['e-1'],
      sources: [''],
      errorKinds: [OutcomeKind.TIMED_OUT],
      since: fakeTime,
      until: fakeTime,
    });
  });

  test('takes a time as a while ago', async () => {
    const requests = await startWith([]);
    await runInProcess('deliveries', '--since', '2h', '--address', fake.address);
    const ageMs = Date.now() - Number(requests[0]?.filter?.since?.seconds) * 1_000;
    expect(Math.abs(ageMs - 7_200_000)).toBeLessThan(60_000);
  });

  test.each([
    ['--state', 'dead', 'There are waiting, retrying, held'],
    ['--error-kind', 'unspecified', 'There are delivered, retryable'],
    ['--since', 'yesterday', '2h, 7d'],
    ['--since', '2026-01-02', '2h, 7d'],
    ['--since', '2026-01-02T08:00:00', '2h, 7d'],
    ['--until', 'Fri, 02 Jan 2026 08:00:00', '2h, 7d'],
    ['--until', '2026-02-30T08:00:00Z', '2h, 7d'],
    ['--until', '2026-04-31T08:00:00+01:00', '2h, 7d'],
    ['--limit', '0', 'from 1 on'],
  ])('%s %s is refused, and what would be right is told', async (flag, value, hint) => {
    await startWith([]);
    const ended = await runInProcess('deliveries', flag, value, '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(hint);
  });
});
