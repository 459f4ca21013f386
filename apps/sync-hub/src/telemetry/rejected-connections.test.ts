import { expect, it } from 'vitest';
import { RejectedConnections } from './rejected-connections.ts';

it('refused connections are one line a minute in the log, which says how many there were', () => {
  const lines: unknown[] = [];
  let nowMs = 0;
  const rejections = new RejectedConnections(
    { warn: (facts: unknown) => void lines.push(facts) } as never,
    () => nowMs,
  );
  rejections.note('192.0.2.1');
  for (let more = 0; more < 500; more += 1) rejections.note('192.0.2.2');
  expect(lines).toEqual([{ address: '192.0.2.1', rejected: 1 }]);
  nowMs = 60_000;
  rejections.note('192.0.2.3');
  expect(lines.slice(1)).toEqual([{ address: '192.0.2.3', rejected: 501 }]);
});
