import { describe, expect, it } from 'vitest';
import { isInShare } from '../core/canary.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RuntimeStart } from '../runtimes/runtime.ts';
import { ScriptedRuntime } from '../runtimes/suite/scripted-runtime.suite.ts';
import { AdapterVersion } from './adapter-version.ts';
import { systemClock } from './clock.ts';
import { delivered, failure, type LaneFixture, openLaneFixture, retryable, until } from './lane-fixture.suite.ts';
import { Trial, type TrialOptions } from './trial.ts';

const misconfigured: Outcome = { kind: 'misconfigured', failure };

/** A version that has started, and the runtime that plays it. */
async function startVersion(version: string, start: ConstructorParameters<typeof ScriptedRuntime>[0] = {}) {
  const runtime = new ScriptedRuntime(start);
  const next = new AdapterVersion({ version, runtime });
  await next.start();
  return { runtime, next };
}

/** A lane with 1.0.0, and 1.3.0 on trial with half of the keys. */
async function beginTrial(
  options: Partial<TrialOptions> = {},
  start: ConstructorParameters<typeof ScriptedRuntime>[0] = {},
) {
  const fixture = await openLaneFixture();
  await fixture.start();
  const { runtime, next } = await startVersion('1.3.0', start);
  const trial = new Trial({
    candidate: next,
    percent: 50,
    attempts: 20,
    timeMs: 60_000,
    clock: systemClock,
    ...options,
  });
  fixture.lane.versions.beginTrial(trial);
  return { fixture, runtime, trial };
}

/** Ids with keys of their own, of which so many are in the share of the trial. */
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
    await fixture.lane.versions.closeRetired(before);
    expect(fixture.runtime.isClosed).toBe(true);
  });

  it('hears no more of the old one: that it ended holds nothing up', async () => {
    const told: RuntimeStart[] = [];
    const fixture = await openLaneFixture({ onRuntimeChange: (start) => told.push(start) });
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
    expect(told.map(({ kind }) => kind)).toEqual(['ready', 'ready']);
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

describe('a version on trial', () => {
  it('gets the keys of its share and no other, and takes over when so many attempts went well', async () => {
    const { fixture, runtime, trial } = await beginTrial({ attempts: 5 });
    const [mine, others] = [idsWithKeys(5, true), idsWithKeys(4, false)];
    await fixture.accept(...others, ...mine);
    expect(await trial.ended).toEqual({ kind: 'proven' });
    expect(runtime.ids).toEqual(mine);
    expect(fixture.runtime.ids).toEqual(others);
    expect(fixture.lane.health().trial).toEqual({ version: '1.3.0', percent: 50, attempts: 5, failures: 0 });
    fixture.lane.versions.switchTo(trial.candidate);
    expect(fixture.lane.health()).toMatchObject({ state: 'ready', trial: undefined });
    expect(fixture.lane.adapter.version).toBe('1.3.0');
  });

  it('goes back when it fails more than the other, and its keys go on at the other', async () => {
    const { fixture, runtime, trial } = await beginTrial({ attempts: 1_000 });
    runtime.answer = async () => ({ kind: 'permanent', failure });
    const mine = idsWithKeys(20, true);
    await fixture.accept(...idsWithKeys(40, false));
    await until(() => fixture.records.length === 40);
    await fixture.accept(...mine);
    expect(await trial.ended).toEqual({
      kind: 'failed',
      why: '20 of its 20 attempts failed, and 0 of 40 of the version before',
    });
    fixture.lane.versions.endTrial();
    await fixture.accept('next/k-of-anyone');
    await until(() => fixture.log.includes('next/k-of-anyone: delivered'));
    expect(fixture.lane.health().trial).toBeUndefined();
    expect(runtime.ids).toEqual(mine);
  });

  it('gets no type that it does not take, and brings none that the other does not take', async () => {
    const { fixture, runtime } = await beginTrial({}, { accepts: new Set(['PolicyUpdated']) });
    const mine = idsWithKeys(3, true);
    await fixture.accept(...mine);
    await until(() => fixture.records.length === 3);
    expect(runtime.ids).toEqual([]);
    expect(fixture.log).toEqual(mine.map((id) => `${id}: delivered`));
  });

  it('goes when its credential is refused, and what that held goes on', async () => {
    const { fixture, runtime, trial } = await beginTrial();
    runtime.answer = async () => misconfigured;
    const [id = ''] = idsWithKeys(1, true);
    await fixture.accept(id);
    expect(await trial.ended).toMatchObject({ kind: 'failed', why: expect.stringContaining('credential') });
    expect(fixture.lane.health().state).toBe('paused');
    fixture.lane.versions.endTrial();
    fixture.lane.recoverFrom(trial);
    await until(() => fixture.log.includes(`${id}: delivered`));
    expect(fixture.lane.health().state).toBe('ready');
    expect(fixture.runtime.attempts).toMatchObject([{ redelivered: true }]);
  });

  it('goes when its process ends, and an attempt that ran out of its time counts as failed', async () => {
    const { fixture, runtime, trial } = await beginTrial({}, { attemptTimeoutMs: 5 });
    fixture.runtime.start = async () => ({ kind: 'failed', reason: '' });
    const late = Promise.withResolvers<Outcome>();
    runtime.answer = () => late.promise;
    const slow = await openLaneFixture({ delivery: { timeoutMs: 5 } });
    await slow.start();
    slow.lane.versions.beginTrial(trial);
    const [id = ''] = idsWithKeys(1, true);
    await slow.accept(id);
    await until(() => slow.log.includes(`${id}: retrying`));
    expect(trial.health).toMatchObject({ attempts: 1, failures: 1 });
    runtime.answer = () => new Promise(() => {});
    late.resolve(delivered);
    await until(() => runtime.ids.length === 2);
    // What it returned at last counts for nothing: that it failed was known by then.
    expect(trial.health.attempts).toBe(trial.health.failures);
    expect(await trial.candidate.drained(0, systemClock)).toBe(false);
    trial.candidate.onChange({ kind: 'starting', reason: 'its process ended' });
    expect(await trial.ended).toEqual({ kind: 'failed', why: 'its process ended' });
    expect(fixture.lane.health().state).toBe('ready');
  });

  it.each([
    ['takes over when its time is up and it failed no more often', delivered, 'proven'],
    ['goes when its time is up and it failed more often, however few its attempts', retryable, 'failed'],
  ])('%s', async (_what, outcome, kind) => {
    const timer = Promise.withResolvers<() => void>();
    const clock = {
      startTimer: (_delayMs: number, callback: () => void) => {
        timer.resolve(callback);
        return () => {};
      },
    };
    const { fixture, runtime, trial } = await beginTrial({ clock });
    runtime.answer = async () => outcome;
    const [id = ''] = idsWithKeys(1, true);
    await fixture.accept(id);
    await until(() => trial.health.attempts > 0);
    (await timer.promise)();
    expect((await trial.ended).kind).toBe(kind);
  });
});
