import { expect, it } from 'vitest';
import { ConnectionRefusals } from './connection-refusals.ts';

it('refused connections are one line a minute in the log, which says how many there were', () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const refusals = new ConnectionRefusals({ warn: (facts: unknown) => void lines.push(facts) } as never, () => nowMs);
  refusals.note('192.0.2.1');
  for (let more = 0; more < 500; more += 1) refusals.note('192.0.2.2');
  expect(lines).toEqual([{ address: '192.0.2.1', refused: 1 }]);
  nowMs = 60_000;
  refusals.note('192.0.2.3');
  expect(lines.slice(1)).toEqual([{ address: '192.0.2.3', refused: 501 }]);
});
