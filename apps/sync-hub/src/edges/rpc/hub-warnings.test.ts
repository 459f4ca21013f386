import { expect, it } from 'vitest';
import { hubWarnings } from './health-feed.ts';

const waiting = (adapter: string, unsettled: number) => ({
  ...{ adapter, unsettled, deadLetters: 1, oldestAcceptedAtMs: 0, behindDeadLetters: 0 },
});

it('says nothing while every adapter that something waits for is configured', () => {
  expect(hubWarnings(['billing', 'lab'], [waiting('lab', 3)])).toEqual([]);
});

it('names events for nobody, and what waits for an adapter that is not configured', () => {
  expect(hubWarnings([], [waiting('lab', 1), waiting('records', 2), waiting('old', 0)])).toEqual([
    expect.stringMatching(/^no adapters are configured: events are accepted and delivered to nobody/),
    expect.stringMatching(/^1 delivery waits for "lab", which is not configured: .*discard --adapter lab --reason/),
    expect.stringMatching(/^2 deliveries wait for "records", which is not configured/),
  ]);
});
