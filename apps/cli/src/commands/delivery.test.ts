import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  DeliveryGrouping,
  JobState,
  type ListDeliveriesRequest,
  type ListedDeliverySchema,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { afterEach, describe, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, fakeTime, startFakeHub } from '../../test/fake-hub.ts';
import { type JobHub, job, jobReason, startJobHub } from '../../test/job-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { run } from '../program.ts';

let fake: FakeHub;
afterEach(() => fake?.close());

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

describe('hms-sync delivery list', () => {
  test('shows what is not delivered and why', async () => {
    await startWith(listed);
    const ended = await runInProcess('delivery', 'list', '--address', fake.address);
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

  test('shows the sources when there are several', async () => {
    const ids = [
      ['e-3', 'clinic-1'],
      ['e-2', ''],
    ] as const;
    await startWith(ids.map(([eventId, source]) => ({ latest: { eventId, source, adapter: 'billing' }, key: 'p-1' })));
    const ended = await runInProcess('delivery', 'list', '--address', fake.address);
    const lines = ended.stdout().split('\n');
    expect(lines[0]).toMatch(/^STATE +ADAPTER +EVENT +SOURCE +KEY /);
    expect(lines[1]).toMatch(/ e-3 +clinic-1 +p-1 /);
    expect(lines[2]).toMatch(/ e-2 +- +p-1 /);
  });

  test('prints the total', async () => {
    await startWith(listed);
    const ended = await runInProcess('delivery', 'list', '--address', fake.address);
    expect(ended.stderr()).toBe('3 in total.\n');
  });

  test('counts them in groups', async () => {
    await startWith(listed);
    const ended = await runInProcess(
      'delivery',
      'list',
      '--group-by',
      'error',
      '--limit',
      '4',
      '--address',
      fake.address,
    );
    expect(ended.stdout()).toBe(
      ['DELIVERIES  ERROR', '2           HTTP_503', '4           (no failure)', '7           (all others)', ''].join(
        '\n',
      ),
    );
    expect(ended.stderr()).toBe('3 in total.\n');
    const json = await runInProcess('delivery', 'list', '--group-by', 'adapter', '--json', '--address', fake.address);
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
    const lines = await runInProcess('delivery', 'list', '--group-by', 'adapter', '--jsonl', '--address', fake.address);
    expect(lines.jsonLines()).toEqual([
      { adapter: 'HTTP_503', deliveries: 2 },
      { adapter: '', deliveries: 100 },
      { others: 7 },
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
    await run(['delivery', 'list', '--address', fake.address], terminal);
    expect(terminal.stdout().trimEnd().split('\n')).toEqual(lines);
  });

  test.each(['--json', '--jsonl'])('%s prints one array, or one object per line', async (flag) => {
    await startWith(listed);
    const ended = await runInProcess('delivery', 'list', flag, '--address', fake.address);
    const printed = flag === '--json' ? JSON.parse(ended.stdout()) : ended.jsonLines();
    expect(printed).toMatchObject([
      { event_id: 'e-3', adapter: 'billing', state: 'HELD', held_by: 'BREAKER', error: { code: 'HTTP_503' } },
      { event_id: 'e-2', key: 'p-1', cycle: 2, accepted_time: '2026-01-02T03:04:05.678Z' },
      { event_id: 'e-1', reason: 'by hand' },
    ]);
  });

  test('reads as many pages as it needs, and reports when there are more', async () => {
    const many = Array.from({ length: 2_500 }, (_, index) => ({ latest: { eventId: `e-${index}` } }));
    const requests = await startWith(many);
    const ended = await runInProcess('delivery', 'list', '--jsonl', '--limit', '2100', '--address', fake.address);
    expect(ended.jsonLines()).toHaveLength(2_100);
    expect(requests.map(({ pageSize }) => pageSize)).toEqual([1_000, 1_000, 100]);
    expect(ended.stderr()).toBe(
      '2500 in total; these are the newest 2100. Raise --limit, narrow the filter, or use --group-by.\n',
    );
  });

  test.each([
    [[], 'There are no undelivered events.\n'],
    [['--adapter', 'billing'], 'No undelivered event matches the filter.\n'],
    [['--json'], '[]\n'],
    [['--jsonl'], ''],
  ])('an empty list can be read (%j)', async (flags, printed) => {
    await startWith([]);
    const ended = await runInProcess('delivery', 'list', ...flags, '--address', fake.address);
    expect(ended).toMatchObject({ exitCode: ExitCode.ok });
    expect(ended.stdout()).toBe(printed);
    expect(ended.stderr()).toBe('');
  });

  test.each([
    [['--json'], '{"deliveries":0,"groups":[],"others":0}\n'],
    [['--jsonl'], ''],
  ])('groups of nothing can be read (%j)', async (flags, printed) => {
    fake = await startFakeHub({ admin: { countDeliveries: () => ({}) } });
    const ended = await runInProcess('delivery', 'list', '--group-by', 'key', ...flags, '--address', fake.address);
    expect(ended.stdout()).toBe(printed);
  });

  test('rejects --json with --jsonl', async () => {
    const ended = await runInProcess('delivery', 'list', '--json', '--jsonl');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain("'--json' cannot be used with option '--jsonl'");
  });

  test('its flags become the fields of the filter', async () => {
    const requests = await startWith([]);
    const flags = ['--adapter', 'billing', '--adapter', 'records', '--state', 'dead-lettered', '--state', 'HELD'];
    const more = ['--type', 'T', '--key', 'p-1', '--event-id', 'e-1', '--source', '', '--error-kind', 'timed_out'];
    const times = ['--since', '2026-01-02T03:04:05.678Z', '--until', '2026-01-02T04:04:05.678+01:00'];
    await runInProcess('delivery', 'list', ...flags, ...more, ...times, '--address', fake.address);
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

  test('accepts a time relative to now', async () => {
    const requests = await startWith([]);
    await runInProcess('delivery', 'list', '--since', '2h', '--address', fake.address);
    const ageMs = Date.now() - Number(requests[0]?.filter?.since?.seconds) * 1_000;
    expect(Math.abs(ageMs - 7_200_000)).toBeLessThan(60_000);
  });

  test.each([
    ['--state', 'dead', 'Known are waiting, retrying, held'],
    ['--error-kind', 'unspecified', 'Known are delivered, retryable'],
    ['--since', 'yesterday', '2h, 7d'],
    ['--since', '2026-01-02', '2h, 7d'],
    ['--since', '2026-01-02T08:00:00', '2h, 7d'],
    ['--until', 'Fri, 02 Jan 2026 08:00:00', '2h, 7d'],
    ['--until', '2026-02-30T08:00:00Z', '2h, 7d'],
    ['--until', '2026-04-31T08:00:00+01:00', '2h, 7d'],
    ['--limit', '0', 'at least 1'],
  ])('%s %s is rejected, with a hint what is valid', async (flag, value, hint) => {
    await startWith([]);
    const ended = await runInProcess('delivery', 'list', flag, value, '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain(hint);
  });
});

const reason = jobReason;

async function startJob(): Promise<JobHub> {
  const hub = await startJobHub();
  fake = hub;
  return hub;
}

describe('hms-sync delivery replay', () => {
  test('starts a job and watches it until it ends', async () => {
    const { requests, address } = await startJob();
    const run = await runInProcess(
      'delivery',
      'replay',
      '--adapter',
      'billing',
      '--reason',
      reason,
      '--address',
      address,
    );
    expect(run.exitCode).toBe(ExitCode.ok);
    const left = '; 2 skipped, a newer event of their key was delivered (--include-stale)';
    expect(run.stdout()).toBe(
      [
        `job-1  RUNNING  3 of 12 dead letters sent${left}: ${reason}`,
        `job-1  DONE  10 of 12 dead letters sent${left}: ${reason}`,
        '',
      ].join('\n'),
    );
    expect(run.stderr()).toBe(
      `All dead letters were sent. To see which are not delivered: hms-sync delivery list --address ${address}\n`,
    );
    expect(requests).toMatchObject([
      { filter: { adapters: ['billing'] }, reason, ratePerSecond: 50, includeStale: false, dryRun: false },
    ]);
  });

  test('only counts with --dry-run, which needs no reason', async () => {
    const { requests, address } = await startJob();
    const flags = ['--dry-run', '--include-stale', '--include-replayed', '--rate', '10'];
    const run = await runInProcess('delivery', 'replay', '--key', 'p-1', ...flags, '--address', address);
    expect(run.stdout()).toMatch(/^12 dead letters match: 10 would be sent; 2 skipped, [^\n]+\n$/);
    expect(requests).toMatchObject([
      { dryRun: true, includeStale: true, includeReplayed: true, ratePerSecond: 10, reason: '' },
    ]);
  });

  test('the JSON of a dry run cannot be mistaken for a job', async () => {
    const { address } = await startJob();
    const run = await runInProcess('delivery', 'replay', '--key', 'p-1', '--dry-run', '--json', '--address', address);
    expect(run.jsonLines()).toEqual([
      { dry_run: true, matched: 12, skipped_stale: 2, skipped_replayed: 0, would_send: 10 },
    ]);
  });

  test.each([
    ['delivery', 'replay', '--adapter', 'billing', '--reason', reason],
    ['job', 'watch', 'job-1'],
  ])('%s says that the job continues when the hub is killed under it', async (...args) => {
    const hub = await startFakeHub({
      admin: {
        replayDeliveries: () => ({ job }),
        async *watchJob() {
          yield { job };
          // The response has been sent by the next turn; then the hub is gone.
          await nextTurn();
          await hub.close();
        },
      },
    });
    fake = hub;
    const run = await runInProcess(...args, '--address', hub.address);
    expect(run.stdout()).toMatch(/^job-1 {2}RUNNING/);
    expect(run.stderr()).toBe(
      'hms-sync: the connection to the hub was lost; the job continues when the hub runs: ' +
        `hms-sync job watch job-1 --address ${hub.address}\n`,
    );
    expect(run.exitCode).toBe(ExitCode.noAnswer);
  });

  test('prints the ended job as one document, or each change as a line', async () => {
    const { address } = await startJob();
    const flags = ['--adapter', 'billing', '--reason', reason, '--address', address];
    const document = await runInProcess('delivery', 'replay', ...flags, '--json');
    expect(JSON.parse(document.stdout())).toMatchObject({ id: 'job-1', state: 'DONE', sent: 10 });
    const lines = await runInProcess('delivery', 'replay', ...flags, '--jsonl');
    expect(lines.jsonLines()).toMatchObject([{ state: 'RUNNING' }, { state: 'DONE' }]);
  });

  test('does not watch the job with --detach', async () => {
    const { address } = await startJob();
    const flags = ['--reason', reason, '--detach', '--json'];
    const run = await runInProcess('delivery', 'replay', '--adapter', 'billing', ...flags, '--address', address);
    expect(run.jsonLines()).toMatchObject([{ id: 'job-1', state: 'RUNNING', matched: 12, skipped_stale: 2, sent: 3 }]);
  });

  test.each([
    [['--reason', reason], 'such as --adapter billing'],
    [['--dry-run'], 'such as --adapter billing'],
    [['--adapter', 'billing'], '--reason'],
    [['--adapter', 'billing', '--rate', '0'], 'from 1 to 10000'],
  ])('rejects %j before it asks a hub', async (flags, hint) => {
    const run = await runInProcess('delivery', 'replay', ...flags, '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain(hint);
  });
});

test('reports when nothing matches, also in a dry run', async () => {
  const none = { id: 'job-1', state: JobState.DONE, reason };
  fake = await startFakeHub({ admin: { replayDeliveries: () => ({ job: none }) } });
  const flags = ['--adapter', 'billing', '--reason', reason, '--address', fake.address];
  expect((await runInProcess('delivery', 'replay', ...flags, '--dry-run')).stdout()).toBe(
    'Nothing to replay: no dead letter matches.\n',
  );
  const run = await runInProcess('delivery', 'replay', ...flags, '--detach');
  expect(run.stderr()).toBe('Nothing to replay: no dead letter matched.\n');
});

/** A hub that has this many deliveries to discard. */
async function startDiscard(discarded = 3n): Promise<{ requests: unknown[]; address: string }> {
  const requests: unknown[] = [];
  fake = await startFakeHub({
    admin: {
      discardDeliveries: ({ filter, reason, dryRun }) => {
        requests.push({ discard: filter?.adapters, reason, dryRun });
        return { discarded };
      },
    },
  });
  return { requests, address: fake.address };
}

describe('hms-sync delivery discard', () => {
  test('counts first, then discards', async () => {
    const { requests, address } = await startDiscard();
    const counted = await runInProcess(
      'delivery',
      'discard',
      '--adapter',
      'billing',
      '--dry-run',
      '--address',
      address,
    );
    expect(counted.stdout()).toBe('3 deliveries would be discarded.\n');
    const run = await runInProcess(
      'delivery',
      'discard',
      '--adapter',
      'billing',
      '--reason',
      reason,
      '--address',
      address,
    );
    expect(run.stdout()).toBe('3 deliveries discarded.\n');
    expect(requests).toEqual([
      { discard: ['billing'], reason: '', dryRun: true },
      { discard: ['billing'], reason, dryRun: false },
    ]);
  });

  test.each([[['--dry-run']], [['--reason', reason]]])('reports when nothing matches (%j)', async (flags) => {
    const { address } = await startDiscard(0n);
    const run = await runInProcess('delivery', 'discard', '--adapter', 'billing', ...flags, '--address', address);
    expect(run.stdout()).toBe('Nothing to discard: no dead letter or waiting delivery matches the filter.\n');
  });

  test.each([
    [['--reason', reason], 'such as --adapter billing'],
    [['--adapter', 'billing'], '--reason'],
  ])('rejects %j before it asks a hub', async (flags, hint) => {
    const run = await runInProcess('delivery', 'discard', ...flags, '--address', 'http://127.0.0.1:1');
    expect(run.exitCode).toBe(ExitCode.usage);
    expect(run.stderr()).toContain(hint);
  });
});
