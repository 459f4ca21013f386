import { describe, expect, it } from 'vitest';
import type { RecordedDelivery } from '../core/delivery.ts';
import type { OutcomeKind } from '../core/outcome.ts';
import { DeliveryLog, type LogLine, PublishLog } from './hub-log.ts';
import { ManualClock } from './manual-clock.fixture.ts';

function open() {
  const clock = new ManualClock();
  const lines: LogLine[] = [];
  const log = new DeliveryLog({ clock, write: (line) => lines.push(line) });
  let position = 0;
  const record = (state: RecordedDelivery['state'], outcome: OutcomeKind, more: Partial<RecordedDelivery> = {}) => {
    position += 1;
    const failure = outcome === 'delivered' ? {} : { failure: { code: 'HTTP_503', message: 'patient Doe is unknown' } };
    const attempt = { startedAtMs: 0, durationMs: 5, outcome, receipt: '', ...failure };
    const counts = { cycle: 1, attempts: 1, spent: 1, crashes: 0 };
    const event = { seq: position, eventId: `e-${position}`, source: 'hms-api', key: '' };
    const of = { adapter: 'billing', adapterVersion: '1.0.0', ...event, position };
    log.recorded([{ ...of, ...counts, state, atMs: 0, nextAttemptAtMs: 0, attempt, ...more }]);
  };
  return {
    clock,
    lines,
    log,
    record,
    fails: (more?: Partial<RecordedDelivery>) => record('retrying', 'retryable', more),
    delivers: (more?: Partial<RecordedDelivery>) => record('delivered', 'delivered', more),
    dies: (more?: Partial<RecordedDelivery>) => record('dead_lettered', 'permanent', more),
    texts: () => lines.map(({ text }) => text),
  };
}

describe('an adapter', () => {
  it('that begins to fail is one line, and one when it recovered', async () => {
    const { clock, lines, fails, delivers } = open();
    delivers();
    for (let attempt = 0; attempt < 50; attempt += 1) fails();
    await clock.pass(3_000);
    fails();
    await clock.pass(4_000);
    delivers();
    delivers();
    await clock.pass(9_000);
    expect(lines).toEqual([
      {
        level: 'warn',
        text: 'adapter begins to fail',
        facts: {
          adapter: 'billing',
          adapterVersion: '1.0.0',
          source: 'hms-api',
          eventId: 'e-2',
          attempts: 1,
          outcome: 'retryable',
          code: 'HTTP_503',
        },
      },
    ]);
    await clock.pass(1_000);
    expect(lines.slice(1)).toEqual([
      { level: 'info', text: 'adapter recovered', facts: { adapter: 'billing', failures: 51, lastedMs: 7_000 } },
    ]);
  });

  it('half of whose attempts fail is not well in between', async () => {
    const { clock, texts, fails, delivers } = open();
    for (let second = 0; second < 120; second += 1) {
      fails();
      delivers();
      await clock.pass(1_000);
    }
    expect(texts()).toEqual(['adapter begins to fail']);
  });

  it('is not well for having been asked nothing more', async () => {
    const { clock, texts, fails } = open();
    fails();
    await clock.pass(3_600_000);
    expect(texts()).toEqual(['adapter begins to fail']);
  });

  it('that fails and recovers all the time is one pair of lines a minute', async () => {
    const { clock, texts, fails, delivers } = open();
    for (let round = 0; round < 20; round += 1) {
      fails();
      delivers();
      await clock.pass(15_000);
    }
    expect(texts()).toEqual(new Array(5).fill(['adapter begins to fail', 'adapter recovered']).flat());
  });

  it('that still fails when the minute is over is a line then', async () => {
    const { clock, texts, fails, delivers } = open();
    fails();
    delivers();
    await clock.pass(15_000);
    for (let second = 0; second < 50; second += 1) {
      fails();
      await clock.pass(1_000);
    }
    expect(texts()).toEqual(['adapter begins to fail', 'adapter recovered', 'adapter begins to fail']);
  });

  it('is a matter of its own', async () => {
    const { clock, lines, fails, delivers } = open();
    fails();
    fails({ adapter: 'records' });
    delivers();
    await clock.pass(60_000);
    expect(lines.map(({ text, facts }) => `${facts.adapter}: ${text}`)).toEqual([
      'billing: adapter begins to fail',
      'records: adapter begins to fail',
      'billing: adapter recovered',
    ]);
  });

  it('that refuses an event or asks for less is not failing', () => {
    const { lines, record } = open();
    record('retrying', 'throttled');
    expect(lines).toEqual([]);
  });
});

describe('dead letters', () => {
  it('are a line each, with ids and codes and no word of the system', () => {
    const { lines, dies, record } = open();
    dies();
    record('dead_lettered', 'permanent', { attempt: undefined as never, reason: 'NOT_SENT' });
    expect(lines).toMatchObject([
      { level: 'warn', facts: { adapter: 'billing', eventId: 'e-1', outcome: 'permanent', code: 'HTTP_503' } },
      { level: 'warn', facts: { adapter: 'billing', eventId: 'e-2', code: 'NOT_SENT' } },
    ]);
    expect(JSON.stringify(lines)).not.toContain('Doe');
  });

  it('are bounded within a minute, and those that were left out are counted', async () => {
    const { clock, lines, dies, texts } = open();
    for (let died = 0; died < 1_000; died += 1) dies();
    expect(texts()).toHaveLength(20);
    await clock.pass(60_000);
    expect(lines.at(-1)).toEqual({
      level: 'warn',
      text: 'further dead letters, not listed',
      facts: { adapter: 'billing', leftOut: 980 },
    });
    dies();
    expect(texts()).toHaveLength(22);
  });

  it('that were left out are counted when the hub stops', () => {
    const { log, dies, lines } = open();
    for (let died = 0; died < 21; died += 1) dies();
    log.stop();
    expect(lines.at(-1)?.facts).toEqual({ adapter: 'billing', leftOut: 1 });
  });
});

function openPublishLog() {
  const clock = new ManualClock();
  const lines: LogLine[] = [];
  return { clock, lines, log: new PublishLog({ clock, write: (line) => lines.push(line) }) };
}

it('has one line when publishing is refused, and one when it is accepted again', async () => {
  const { clock, lines, log } = openPublishLog();
  log.accepted();
  for (let rejected = 0; rejected < 1_000; rejected += 1) log.rejected('JOURNAL_FULL');
  await clock.pass(30_000);
  log.rejected('JOURNAL_FULL');
  expect(lines).toEqual([{ level: 'warn', facts: { reason: 'JOURNAL_FULL' }, text: 'publishing is refused' }]);
  log.accepted();
  await clock.pass(2_000);
  expect(lines.slice(1)).toEqual([
    { level: 'info', facts: { rejected: 1_001, lastedMs: 30_000 }, text: 'publishing is accepted again' },
  ]);
});

it('says nothing of events that are refused because they are wrong', () => {
  const { lines, log } = openPublishLog();
  for (const reason of ['EVENT_INVALID', 'EVENT_ID_CONFLICT', 'EVENT_TOO_LARGE', 'HUB_STOPPING']) log.rejected(reason);
  expect(lines).toEqual([]);
});
