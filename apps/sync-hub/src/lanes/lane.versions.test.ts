import { describe, expect, it } from 'vitest';
import { isInShare } from '../core/canary-rule.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.fixture.ts';
import { AdapterVersion } from './adapter-version.ts';
import type { CanaryOptions } from './canary.ts';
import { type Clock, systemClock } from './clock.ts';
import { delivered, failure, type LaneFixture, openLaneFixture, retryable, until } from './lane.fixture.ts';

const misconfigured: Outcome = { kind: 'misconfigured', failure };

/** A version that has started, and the runtime that plays it. */
async function startVersion(version: string, start: ConstructorParameters<typeof ScriptedRuntime>[0] = {}) {
  const runtime = new ScriptedRuntime(start);
  const next = new AdapterVersion({ version, runtime });
  await next.start();
  return { runtime, next };
}

/** A lane with 1.0.0, and a canary of 1.3.0 with half of the keys. */
async function beginCanary(
  options: Partial<CanaryOptions> = {},
  start: ConstructorParameters<typeof ScriptedRuntime>[0] = {},
  lane: Parameters<typeof openLaneFixture>[0] = {},
) {
  const fixture = await openLaneFixture(lane);
  await fixture.start();
  const { runtime, next } = await startVersion('1.3.0', start);
  const canary = fixture.lane.versions.beginCanary(next, { percent: 50, attempts: 20, timeMs: 60_000, ...options });
  return { fixture, runtime, canary };
}

/** Ids with keys of their own, of which this many are in the share of the canary. */
function idsWithKeys(count: number, inShare: boolean): string[] {
  const ids: string[] = [];
  for (let index = 0; ids.length < count; index += 1) {
    if (isInShare(`k${index}`, 50) === inShare) ids.push(`e${index}/k${index}`);
  }
  return ids;
}

const versionsOf = (fixture: LaneFixture) =>
  fixture.records.map(({ eventId, adapterVersion }) => `${eventId} ${adapterVersion}`);

describe('a lane whose adapter is replaced', () => {
  it('gives a key to the new version when the old one has none of it in flight, and records who made each attempt', async () => {
    const fixture = await openLaneFixture();
    const atOld = Promise.withResolvers<Outcome>();
    fixture.runtime.answer = () => atOld.promise;
    await fixture.start();
    await fixture.accept('a/k');
    const { runtime, next } = await startVersion('1.3.0');
    const before = fixture.lane.versions.switchTo(next);
    await fixture.accept('b/k', 'c/other');
    await until(() => runtime.ids.includes('c/other'));
    expect(runtime.ids).toEqual(['c/other']);
    expect(fixture.lane.adapter.version).toBe('1.3.0');
    atOld.resolve(retryable);
    await until(() => fixture.records.length === 4);
    expect(fixture.runtime.ids).toEqual(['a/k']);
    expect(runtime.ids).toEqual(['c/other', 'a/k', 'b/k']);
    expect(runtime.attempts[1]).toMatchObject({ number: 2, redelivered: true });
    expect(versionsOf(fixture)).toEqual(['c/other 1.3.0', 'a/k 1.0.0', 'a/k 1.3.0', 'b/k 1.3.0']);
    expect(await before.drained(0, systemClock)).toBe(true);
  });

  it('says of a version that has not finished within its time that it did not', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = () => new Promise(() => {});
    await fixture.start();
    await fixture.accept('a');
    const before = fixture.lane.versions.switchTo((await startVersion('1.3.0')).next);
    expect(await before.drained(5, systemClock)).toBe(false);
    await fixture.lane.versions.retire(before, 5);
    expect(fixture.runtime.isClosed).toBe(true);
  });

  it('gets nothing more of the old one: that it ended holds nothing up', async () => {
    const received: RuntimeStart[] = [];
    const fixture = await openLaneFixture({ onRuntimeChange: (start) => received.push(start) });
    let change: (start: RuntimeStart) => void = () => {};
    const start = fixture.runtime.start.bind(fixture.runtime);
    fixture.runtime.start = (onChange?: typeof change) => {
      change = onChange ?? change;
      return start();
    };
    await fixture.start();
    fixture.lane.versions.switchTo((await startVersion('1.3.0', { concurrency: 1 })).next);
    change({ kind: 'starting', reason: 'its process ended' });
    expect(fixture.lane.health()).toMatchObject({ state: 'ready', reason: '' });
    expect(received.map(({ kind }) => kind)).toEqual(['ready', 'ready']);
  });

  it('lets a version that could not be started be replaced by one that can, and its queue goes on', async () => {
    const runtime = new ScriptedRuntime();
    runtime.start = async () => ({ kind: 'failed', reason: 'it was published without its code' });
    const fixture = await openLaneFixture({ runtime });
    await fixture.start();
    await fixture.accept('a');
    expect(fixture.lane.health().state).toBe('failed');
    fixture.lane.versions.switchTo((await startVersion('1.3.0')).next);
    await until(() => fixture.log.includes('a: delivered'));
  });
});

describe('a canary', () => {
  it('gets the keys of its share and no other, and takes over when its attempts went well', async () => {
    const { fixture, runtime, canary } = await beginCanary({ attempts: 5 });
    const [mine, others] = [idsWithKeys(5, true), idsWithKeys(4, false)];
    await fixture.accept(...others, ...mine);
    expect(await canary.ended).toEqual({ kind: 'passed' });
    expect(runtime.ids).toEqual(mine);
    expect(fixture.runtime.ids).toEqual(others);
    expect(fixture.lane.health().canary).toEqual({ version: '1.3.0', percent: 50, attempts: 5, failures: 0 });
    fixture.lane.versions.switchTo(canary.candidate);
    expect(fixture.lane.health()).toMatchObject({ state: 'ready', canary: undefined });
    expect(fixture.lane.adapter.version).toBe('1.3.0');
  });

  it('is rolled back when it fails more than the other, and its keys go on at the other', async () => {
    const { fixture, runtime, canary } = await beginCanary({ attempts: 1_000 });
    runtime.answer = async () => ({ kind: 'permanent', failure });
    const mine = idsWithKeys(20, true);
    await fixture.accept(...idsWithKeys(40, false));
    await until(() => fixture.records.length === 40);
    await fixture.accept(...mine);
    expect(await canary.ended).toEqual({
      kind: 'failed',
      why: '20 of its 20 attempts failed, and 0 of 40 of the version before',
    });
    fixture.lane.versions.endCanary();
    await fixture.accept('next/k-of-anyone');
    await until(() => fixture.log.includes('next/k-of-anyone: delivered'));
    expect(fixture.lane.health().canary).toBeUndefined();
    expect(runtime.ids).toEqual(mine);
  });

  it('counts no attempt that was throttled', async () => {
    const { fixture, runtime, canary } = await beginCanary();
    runtime.answer = async () => ({ kind: 'throttled', failure, retryAfterMs: 60_000, scope: 'delivery' });
    const [id = ''] = idsWithKeys(1, true);
    await fixture.accept(id);
    await until(() => fixture.log.includes(`${id}: retrying`));
    expect(canary.health).toMatchObject({ attempts: 0, failures: 0 });
  });

  it('gets no type that it does not accept, and brings none that the other does not accept', async () => {
    const { fixture, runtime } = await beginCanary({}, { accepts: new Set(['PolicyUpdated']) });
    const mine = idsWithKeys(3, true);
    await fixture.accept(...mine);
    await until(() => fixture.records.length === 3);
    expect(runtime.ids).toEqual([]);
    expect(fixture.log).toEqual(mine.map((id) => `${id}: delivered`));
  });

  it('is rolled back when its credential is refused, and what that held goes on', async () => {
    const { fixture, runtime, canary } = await beginCanary();
    runtime.answer = async () => misconfigured;
    const [id = ''] = idsWithKeys(1, true);
    await fixture.accept(id);
    expect(await canary.ended).toMatchObject({ kind: 'failed', why: expect.stringContaining('credential') });
    expect(fixture.lane.health().state).toBe('paused');
    fixture.lane.versions.endCanary();
    await fixture.lane.versions.retire(canary.candidate, 1_000);
    fixture.lane.recoverFrom(canary);
    await until(() => fixture.log.includes(`${id}: delivered`));
    expect(fixture.lane.health().state).toBe('ready');
    expect(fixture.runtime.attempts).toMatchObject([{ redelivered: true }]);
  });

  it('is rolled back when its process ends, and an attempt that ran out of its time counts as failed', async () => {
    const { fixture, runtime, canary } = await beginCanary({}, {}, { delivery: { timeoutMs: 5 } });
    const late = Promise.withResolvers<Outcome>();
    runtime.answer = () => late.promise;
    const [id = ''] = idsWithKeys(1, true);
    await fixture.accept(id);
    await until(() => fixture.log.includes(`${id}: retrying`));
    expect(canary.health).toMatchObject({ attempts: 1, failures: 1 });
    runtime.answer = () => new Promise(() => {});
    late.resolve(delivered);
    await until(() => runtime.ids.length === 2);
    // What it returned at last counts for nothing: that it failed was known by then.
    expect(canary.health.attempts).toBe(canary.health.failures);
    expect(await canary.candidate.drained(0, systemClock)).toBe(false);
    canary.candidate.onChange({ kind: 'starting', reason: 'its process ended' });
    expect(await canary.ended).toEqual({ kind: 'failed', why: 'its process ended' });
    expect(fixture.lane.health().state).toBe('ready');
  });

  it.each([
    ['takes over when its time is up and it failed no more often', [delivered], 'passed'],
    ['is rolled back when its time is up and it failed more often, however few its attempts', [retryable], 'failed'],
    ['is rolled back when its time is up and it made no attempt', [], 'failed'],
  ])('%s', async (_what, outcomes, kind) => {
    const { promise: timer, resolve: setTimer } = Promise.withResolvers<() => void>();
    const clock: Clock = {
      ...systemClock,
      startTimer: (delayMs, callback) => {
        if (delayMs !== 123_456) return systemClock.startTimer(delayMs, callback);
        setTimer(callback);
        return () => undefined;
      },
    };
    const { fixture, runtime, canary } = await beginCanary({ timeMs: 123_456 }, {}, { clock });
    for (const [index, outcome] of outcomes.entries()) {
      runtime.answer = async () => outcome;
      await fixture.accept(...idsWithKeys(index + 1, true).slice(index));
      await until(() => canary.health.attempts > index);
    }
    (await timer)();
    expect((await canary.ended).kind).toBe(kind);
  });
});
