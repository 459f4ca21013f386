import { describe, expect, it } from 'vitest';
import type { Outcome } from '../core/outcome.ts';
import { flushed } from '../journal/suite/place.fixture.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { delivered, type LaneFixture, openLaneFixture, retryable, until } from './lane.fixture.ts';
import { LaneSet } from './lane-set.ts';
import { openTestLane } from './test-lane.fixture.ts';

/** Another hub opens the lane of a fixture, on the same journal. It is not started. */
async function openElsewhere({ journal, lane }: LaneFixture) {
  const runtime = new ScriptedRuntime();
  const other = await openTestLane({ id: 'billing', runtime, journal });
  const lanes = new LaneSet([other]);
  journal.subscribe({ committed: (commit) => lanes.committed(commit), ended: () => undefined });
  return { runtime, other, close: () => Promise.all([lane.close(), other.close()]) };
}

/** A lane with one attempt that ends and one that hangs, which is opened elsewhere as they run. */
async function lose() {
  const answer = Promise.withResolvers<Outcome>();
  let losses = 0;
  const fixture = await openLaneFixture({ onLost: () => (losses += 1) });
  fixture.runtime.answer = ({ event }) => (event.id === 'ends/k' ? answer.promise : new Promise(() => undefined));
  await fixture.start();
  const events = await fixture.accept('ends/k', 'hangs', 'next/k');
  const elsewhere = await openElsewhere(fixture);
  expect(fixture.lane.health().state).toBe('ready');
  answer.resolve(delivered);
  await until(() => losses > 0);
  return { fixture, events, ...elsewhere, losses: () => losses };
}

describe('a lane that was opened a second time', () => {
  it('records nothing more, asks what runs to end, and reports that once', async () => {
    const { fixture, losses, close } = await lose();
    expect(fixture.records).toEqual([]);
    expect(await fixture.statistics()).toMatchObject({ unsettled: 3 });
    expect(fixture.runtime.signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    await fixture.accept('another');
    expect(fixture.runtime.ids).toEqual(['ends/k', 'hangs']);
    expect(losses()).toBe(1);
    await close();
  });

  it('says of itself that it was taken over, and of its deliveries that they are not attempted here', async () => {
    const { fixture, events, close } = await lose();
    expect(fixture.lane.health()).toMatchObject({
      state: 'failed',
      reason: 'another hub took over this adapter; nothing is delivered to it from here until this hub is restarted',
      inFlight: 1,
    });
    expect(events.map((event) => fixture.lane.heldBy(event))).toEqual(['not_ready', 'not_ready', 'not_ready']);
    expect(fixture.gateChanges).toHaveLength(2);
    fixture.lane.pause({ kind: 'operator', reason: 'maintenance' });
    fixture.lane.resume();
    expect(fixture.lane.health().state).toBe('failed');
    await close();
  });

  it('leaves to the other what operators ask: it does not know what runs there', async () => {
    const { fixture, events, close } = await lose();
    expect(await fixture.lane.probe()).toBeUndefined();
    expect(await fixture.lane.retryNow()).toBe(0);
    expect(await fixture.lane.discard([events[2]?.seq ?? 0], 'sent by mistake')).toBe(0);
    await close();
  });

  it('does not keep its hub from stopping, though adapter code hangs', async () => {
    const { fixture, close } = await lose();
    await fixture.lane.drain(60_000);
    await close();
  });

  it('saves nothing of its breaker: the other has one of its own', async () => {
    const fixture = await openLaneFixture();
    const [ends, fail] = [Promise.withResolvers<Outcome>(), Promise.withResolvers<Outcome>()];
    fixture.runtime.answer = ({ event }) => (event.id === 'ends' ? ends.promise : fail.promise);
    await fixture.start();
    // As many as open a breaker.
    await fixture.accept('ends', 'a', 'b', 'c', 'd', 'e', 'f');
    const { close } = await openElsewhere(fixture);
    ends.resolve(retryable);
    await until(() => fixture.lane.health().state === 'failed');
    fail.resolve(retryable);
    await until(() => fixture.lane.health().inFlight === 0);
    await flushed(fixture.journal);
    expect(fixture.requests.filter(({ name }) => name === 'saveBreaker')).toEqual([]);
    await close();
  });

  it('continues where it was opened last, with what may have run said to be so', async () => {
    const { fixture, runtime, other, close } = await lose();
    expect(other.health().state).toBe('starting');
    await other.start();
    await fixture.settled();
    expect(runtime.attempts).toMatchObject([
      { event: { id: 'ends/k' }, number: 1, redelivered: true },
      { event: { id: 'hangs' }, number: 1, redelivered: true },
      { event: { id: 'next/k' }, number: 1, redelivered: false },
    ]);
    expect(other.health().state).toBe('ready');
    await close();
  });

  it('is lost as well while it drains, and has then drained', async () => {
    const fixture = await openLaneFixture();
    const answer = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = ({ event }) => (event.id === 'ends' ? answer.promise : new Promise(() => undefined));
    await fixture.start();
    await fixture.accept('ends', 'hangs');
    const { close } = await openElsewhere(fixture);
    const drained = fixture.lane.drain(60_000);
    answer.resolve(delivered);
    await drained;
    expect(fixture.lane.health().state).toBe('failed');
    await close();
  });
});
