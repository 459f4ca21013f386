import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { durationFromMs, timestampFromMs } from '@bufbuild/protobuf/wkt';
import { OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdapterState, BreakerState, HealthSchema } from '@hms-sync/proto/hms/sync/v1/health_service';
import { afterEach, describe, expect, test } from 'vitest';
import { captureTerminal } from '../../test/captured-terminal.ts';
import { type FakeHub, startFakeHub } from '../../test/fake-hub.ts';
import { runInProcess } from '../../test/run-in-process.ts';
import { ExitCode } from '../failure.ts';
import { healthJson, healthLines, healthProblems } from '../health-report.ts';

let fake: FakeHub | undefined;
afterEach(() => fake?.close());

const nowMs = Date.UTC(2026, 0, 2);

const health: MessageInitShape<typeof HealthSchema> = {
  hub: {
    version: '0.1.0',
    startTime: timestampFromMs(nowMs - 60_000),
    accepting: true,
    journal: { location: 'sqlite:journal.db', sizeBytes: 40_960n, commitLatency: durationFromMs(1) },
  },
  adapters: [
    {
      id: 'billing',
      version: '0.1.0',
      runtime: 'inline',
      state: AdapterState.READY,
      throttledUntilTime: timestampFromMs(nowMs + 28_000),
      waiting: 7n,
      inFlight: 1,
      oldestUnsettledAge: durationFromMs(90_000),
      deadLetters: 2n,
      recent: { attempts: 6n, failures: 5n },
      breaker: {
        state: BreakerState.OPEN,
        since: timestampFromMs(nowMs - 12_000),
        cause: '5 of 6 attempts failed within 60 s',
        nextProbeTime: timestampFromMs(nowMs + 3_000),
        lastError: { kind: OutcomeKind.RETRYABLE, code: 'ECONNREFUSED', message: 'nothing listens there' },
      },
    },
    {
      id: 'lab',
      state: AdapterState.FAILED,
      reason: 'config.baseUrl is missing: set it',
      breaker: { state: BreakerState.CLOSED, since: timestampFromMs(nowMs - 60_000) },
    },
  ],
};

describe('health in words', () => {
  test('shows the breaker, since when, why and when the next probe is due', () => {
    expect(healthLines(captureTerminal().data, create(HealthSchema, health), { nowMs })).toEqual([
      'Hub 0.1.0, up for 1m, accepting events; journal sqlite:journal.db, 40 KiB, 1.0ms a commit',
      '',
      'ADAPTER  VERSION  STATE   WAITING  RUNNING  OLDEST  DEAD LETTERS  FAILED  BREAKER',
      'billing  0.1.0    READY   7        1        1m 30s  2             5/6     OPEN for 12s: 5 of 6 attempts failed within 60 s; next probe in 3s',
      'lab      -        FAILED  0        0        -       0             -       CLOSED for 1m',
      '',
      'billing: throttled: the external system limits the rate; attempts resume in 28s',
      'billing: last error ECONNREFUSED: nothing listens there',
      'lab: config.baseUrl is missing: set it',
    ]);
  });
});

test('that adapters are not isolated is a fact with one line, and not a problem', () => {
  const hub = { version: '0.1.0', accepting: true, adapterIsolation: 'none' };
  const health = create(HealthSchema, { hub, adapters: [{ id: 'lab', state: AdapterState.READY }] });
  expect(healthLines(captureTerminal().data, health, { nowMs })[1]).toBe(
    "Adapters are not isolated: they run as the hub's user, and can open what it can (docs/security.md).",
  );
  expect(healthJson(health)).toMatchObject({ hub: { adapter_isolation: 'none' } });
  expect(healthProblems(health)).toEqual([]);
});

test('warnings of the hub come first, and what waits behind a dead letter has its line', () => {
  const warned = create(HealthSchema, {
    hub: { version: '0.1.0', accepting: true, warnings: ['1 delivery waits for "lab", which is not configured'] },
    adapters: [{ id: 'billing', state: AdapterState.READY, waitingBehindDeadLetters: 1n }],
  });
  const lines = healthLines(captureTerminal().data, warned, { nowMs });
  expect(lines[1]).toBe('warning: 1 delivery waits for "lab", which is not configured');
  expect(lines.join('\n')).toContain('billing: 1 delivery waits behind a dead letter of the same key');
  expect(healthJson(warned)).toMatchObject({
    hub: { warnings: ['1 delivery waits for "lab", which is not configured'] },
    adapters: [{ waiting_behind_dead_letters: 1 }],
  });
});

test('an adapter whose breaker is closed shows its failures and the last error', () => {
  const lastError = { kind: OutcomeKind.TIMED_OUT, code: 'TIMED_OUT', message: 'no answer within 10 s' };
  const breaker = { state: BreakerState.CLOSED };
  const recent = { attempts: 120n, failures: 3n, lastError, lastErrorTime: timestampFromMs(nowMs - 7_000) };
  const failing = create(HealthSchema, {
    hub: health.hub,
    adapters: [{ id: 'billing', state: AdapterState.READY, breaker, recent }],
  });
  const text = healthLines(captureTerminal().data, failing, { nowMs }).join('\n');
  expect(text).toMatch(/3\/120 +CLOSED/);
  expect(text).toContain('billing: last error TIMED_OUT: no answer within 10 s, 7s ago');
});

describe('health on a narrow terminal', () => {
  const lines = (columns: number) => {
    const { data } = captureTerminal({ isTTY: true, columns, env: { NO_COLOR: '1' } });
    return healthLines(data, create(HealthSchema, health), { nowMs });
  };

  test('fits into 80 columns', () => {
    expect(lines(80)).toEqual([
      'Hub 0.1.0, up for 1m, accepting events; journal sqlite:journal.db, 40 KiB, 1.0ms',
      '  a commit',
      '',
      'ADAPTER  VERSION  STATE   WAITING  RUNNING  OLDEST  DEAD LETTERS  FAILED',
      'billing  0.1.0    READY   7        1        1m 30s  2             5/6',
      '  BREAKER OPEN for 12s: 5 of 6 attempts failed within 60 s; next probe in 3s',
      'lab      -        FAILED  0        0        -       0             -',
      '  BREAKER CLOSED for 1m',
      '',
      'billing: throttled: the external system limits the rate; attempts resume in 28s',
      'billing: last error ECONNREFUSED: nothing listens there',
      'lab: config.baseUrl is missing: set it',
    ]);
  });

  test('fits into 40 columns', () => {
    expect(lines(40)).toEqual([
      'Hub 0.1.0, up for 1m, accepting events;',
      '  journal sqlite:journal.db, 40 KiB,',
      '  1.0ms a commit',
      '',
      'billing',
      '  VERSION 0.1.0  STATE READY  WAITING 7',
      '  RUNNING 1  OLDEST 1m 30s',
      '  DEAD LETTERS 2  FAILED 5/6',
      '  BREAKER OPEN for 12s: 5 of 6 attempts',
      '    failed within 60 s; next probe in 3s',
      'lab',
      '  STATE FAILED  WAITING 0  RUNNING 0',
      '  DEAD LETTERS 0  BREAKER CLOSED for 1m',
      '',
      'billing: throttled: the external system',
      '  limits the rate; attempts resume in',
      '  28s',
      'billing: last error ECONNREFUSED:',
      '  nothing listens there',
      'lab: config.baseUrl is missing: set it',
    ]);
  });
});

describe('hms-sync health', () => {
  test('a failing adapter is not a failure of the hub', async () => {
    fake = await startFakeHub({ health: { getHealth: () => ({ health }) } });
    const ended = await runInProcess('health', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.ok);
    expect(ended.stdout()).toContain('OPEN');
  });

  test('a hub that accepts nothing is a failure, with its reason', async () => {
    const hub = { version: '0.1.0', accepting: false, notAcceptingReason: 'the disk is full' };
    fake = await startFakeHub({ health: { getHealth: () => ({ health: { hub } }) } });
    const ended = await runInProcess('health', '--address', fake.address);
    expect(ended.exitCode).toBe(ExitCode.failed);
    expect(ended.stderr()).toBe('hms-sync: the hub accepts no events: the disk is full\n');
  });

  const hub = { version: '0.1.0', accepting: true };
  const ready = { id: 'billing', state: AdapterState.READY, breaker: { state: BreakerState.CLOSED } };
  const open = { state: BreakerState.OPEN, cause: '5 of 6 attempts failed' };
  test.each<[string, MessageInitShape<typeof HealthSchema>, string[]]>([
    ['all is well', { hub, adapters: [{ ...ready, deadLetters: 3n }] }, []],
    [
      'nothing is accepted',
      { hub: { notAcceptingReason: 'full' }, adapters: [ready] },
      ['the hub accepts no events: full'],
    ],
    ['there are no adapters', { hub }, ['there are no adapters: events are accepted for nobody']],
    ['the hub warns', { hub: { ...hub, warnings: ['no adapters are configured'] } }, ['no adapters are configured']],
    [
      'deliveries wait behind a dead letter',
      { hub, adapters: [{ ...ready, waitingBehindDeadLetters: 3n }] },
      [
        'billing: 3 deliveries wait behind a dead letter of the same key; replay or discard that: hms-sync delivery list --state dead-lettered --address ADDRESS',
      ],
    ],
    [
      'an adapter is FAILED and a breaker is open',
      {
        hub,
        adapters: [
          { id: 'lab', state: AdapterState.FAILED, reason: 'no address' },
          { ...ready, breaker: open },
        ],
      },
      ['lab is FAILED: no address', 'billing: its breaker is OPEN: 5 of 6 attempts failed'],
    ],
    ['an adapter is paused', { hub, adapters: [{ ...ready, state: AdapterState.PAUSED }] }, ['billing is PAUSED']],
    [
      'a breaker is half open',
      { hub, adapters: [{ ...ready, breaker: { ...open, state: BreakerState.HALF_OPEN } }] },
      ['billing: its breaker is HALF_OPEN: 5 of 6 attempts failed'],
    ],
  ])('--check when %s', async (_, given, problems) => {
    fake = await startFakeHub({ health: { getHealth: () => ({ health: given }) } });
    const { address } = fake;
    const ended = await runInProcess('health', '--check', '--address', address);
    expect(ended.exitCode).toBe(problems.length === 0 ? ExitCode.ok : ExitCode.failed);
    const expected = problems.map((problem) => problem.replace('ADDRESS', address));
    expect(ended.stderr()).toBe(expected.length === 0 ? '' : `hms-sync: ${expected.join('\n  ')}\n`);
  });

  test.each(['--check', '--json'])('%s and --watch cannot be combined', async (flag) => {
    const ended = await runInProcess('health', flag, '--watch', '--address', '127.0.0.1:1');
    expect(ended.exitCode).toBe(ExitCode.usage);
    expect(ended.stderr()).toContain('--watch');
  });

  test('--json prints one object with numbers as numbers', async () => {
    fake = await startFakeHub({ health: { getHealth: () => ({ health }) } });
    const ended = await runInProcess('health', '--json', '--address', fake.address);
    expect(ended.jsonLines()).toMatchObject([
      {
        hub: { accepting: true, journal: { size_bytes: 40_960, commit_latency_ms: 1 } },
        adapters: [
          { id: 'billing', waiting: 7, dead_letters: 2, breaker: { state: 'OPEN', last_error: { kind: 'RETRYABLE' } } },
          { id: 'lab', state: 'FAILED' },
        ],
      },
    ]);
  });

  test('--watch prints each change, and ends with an error when the hub stops', async () => {
    fake = await startFakeHub({
      health: {
        async *watchHealth() {
          yield { health };
          yield { health: { hub: { version: '0.1.0', accepting: true } } };
        },
      },
    });
    const ended = await runInProcess('health', '--watch', '--jsonl', '--address', fake.address);
    expect(ended.jsonLines()).toHaveLength(2);
    expect(ended.exitCode).toBe(ExitCode.noAnswer);
    expect(ended.stderr()).toContain('ended the watch');
  });
});
