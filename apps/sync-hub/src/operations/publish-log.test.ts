import { expect, it } from 'vitest';
import type { LogLine } from './log-line.ts';
import { ManualClock } from './manual-clock.fixture.ts';
import { PublishLog } from './publish-log.ts';

function open() {
  const clock = new ManualClock();
  const lines: LogLine[] = [];
  return { clock, lines, log: new PublishLog({ clock, write: (line) => lines.push(line) }) };
}

it('is one line when publishing is refused, and one when it is accepted again', async () => {
  const { clock, lines, log } = open();
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

it('says nothing of events that are wrong', () => {
  const { lines, log } = open();
  for (const reason of ['EVENT_INVALID', 'EVENT_ID_CONFLICT', 'EVENT_TOO_LARGE', 'HUB_STOPPING']) log.rejected(reason);
  expect(lines).toEqual([]);
});
