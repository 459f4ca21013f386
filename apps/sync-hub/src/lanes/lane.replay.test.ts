import { describe, expect, it, vi } from 'vitest';
import type { AttemptEnd, Outcome } from '../core/outcome.ts';
import { settle } from '../operations/manual-clock.fixture.ts';
import { delivered, type LaneFixture, openLaneFixture, permanent, retryable, until } from './lane.fixture.ts';

/** What the external system took and refused, of all hubs, in order. */
class ExternalSystem {
  readonly log: string[] = [];
  /** Answers attempts of `b/k` when the test says so. */
  readonly newer = Promise.withResolvers<Outcome>();
  /** While it is not, the attempts of `a/k` fail permanently. */
  acceptsOlder = false;

  answer(id: string, isAnswered: boolean): Promise<Outcome> {
    if (id === 'a/k') return Promise.resolve(this.#taken(id, this.acceptsOlder ? delivered : permanent));
    if (isAnswered) return Promise.resolve(this.#taken(id, delivered));
    return this.newer.promise.then((outcome) => this.#taken(id, outcome));
  }

  #taken(id: string, outcome: Outcome): Outcome {
    this.log.push(`${id}: ${outcome.kind}`);
    return outcome;
  }
}

interface Story {
  /** What the first attempt of the newer event comes to. */
  readonly newer: Outcome;
  /** It ends before this write of the journal after the replay was asked for; 0: before the replay. */
  readonly endsAt: number;
  /** kill -9 after this many writes. */
  readonly killAt: number;
  /** The hub knows of the last of them. */
  readonly isReported: boolean;
  readonly includeStale: boolean;
}

/** A hub of which `a/k` is a dead letter and `b/k`, newer, is being attempted when `a/k` is replayed. */
async function killDuring(story: Story): Promise<{ readonly system: ExternalSystem; readonly after: LaneFixture }> {
  const system = new ExternalSystem();
  const before = await openLaneFixture();
  const dead = await openReplay(before, system);
  const { control } = before.journal;
  control.hold();
  if (story.endsAt === 0) system.newer.resolve(story.newer);
  await settle();
  void before.replay(dead, { includeStale: story.includeStale });
  for (let write = 1; write <= story.killAt; write += 1) {
    if (write === story.endsAt) system.newer.resolve(story.newer);
    await settle();
    control.write(1);
    if (write < story.killAt || story.isReported) control.report();
  }
  await settle();
  const after = await openLaneFixture({ database: before.kill() });
  after.runtime.answer = ({ event }) => system.answer(event.id, true);
  return { system, after };
}

/** Up to where `b/k` is being attempted. */
async function openReplay(fixture: LaneFixture, system: ExternalSystem): Promise<string> {
  fixture.runtime.answer = ({ event }) => system.answer(event.id, false);
  await fixture.start();
  await fixture.accept('a/k', 'b/k');
  await until(() => fixture.runtime.ids.includes('b/k'));
  system.acceptsOlder = true;
  return 'a/k';
}

/** Resolves once every delivery is settled, with whatever they wait for ended. */
async function settledWithoutWaits(fixture: LaneFixture): Promise<void> {
  const isSettled = async () => {
    await fixture.lane.retryNow();
    return (await fixture.statistics())?.unsettled === 0;
  };
  await vi.waitUntil(isSettled, { interval: 2, timeout: 5_000 });
}

const stories: Story[] = [];
for (const newer of [delivered, retryable]) {
  for (const includeStale of [false, true]) {
    for (const endsAt of [0, 1, 2, 3, 99]) {
      for (const killAt of [0, 1, 2, 3, 4, 5]) {
        for (const isReported of [false, true]) stories.push({ newer, endsAt, killAt, isReported, includeStale });
      }
    }
  }
}

describe('a dead letter that is replayed behind a newer one of its key that runs', () => {
  it('never follows it, at whatever instant the hub is killed', { timeout: 60_000 }, async () => {
    expect(stories).toHaveLength(240);
    for (const story of stories.filter(({ includeStale }) => !includeStale)) {
      const { system, after } = await killDuring(story);
      await after.start();
      await after.settled();
      const newer = system.log.indexOf('b/k: delivered');
      expect(newer, JSON.stringify(story)).toBeGreaterThan(-1);
      expect(system.log.slice(newer), JSON.stringify(story)).not.toContain('a/k: delivered');
      await after.close();
    }
  });

  it('follows it once, where the operator wants that, and no attempt is lost', { timeout: 60_000 }, async () => {
    for (const story of stories.filter(({ includeStale }) => includeStale)) {
      const { system, after } = await killDuring(story);
      await after.start();
      await after.settled();
      // Dead before the replay was on disk: nothing of it is known.
      const isReplayed = system.log.includes('a/k: delivered');
      const { deadLetters } = (await after.statistics()) ?? {};
      expect(deadLetters, JSON.stringify(story)).toBe(isReplayed ? 0 : 1);
      if (story.killAt >= 2) expect(isReplayed, JSON.stringify(story)).toBe(true);
      await after.close();
    }
  });

  it('takes precedence over it when that failed, and both are delivered', async () => {
    const system = new ExternalSystem();
    const fixture = await openLaneFixture();
    const dead = await openReplay(fixture, system);
    await fixture.replay(dead);
    expect(fixture.requests.map(({ name }) => name)).not.toContain('giveBack');
    fixture.runtime.answer = ({ event }) => system.answer(event.id, true);
    system.newer.resolve(retryable);
    await fixture.settled();
    expect(system.log).toEqual(['a/k: permanent', 'b/k: retryable', 'a/k: delivered', 'b/k: delivered']);
  });

  it('takes precedence over one that waits for its next attempt: that is given back', async () => {
    const system = new ExternalSystem();
    const fixture = await openLaneFixture();
    const dead = await openReplay(fixture, system);
    system.newer.resolve({ ...retryable, retryAfterMs: 3_600_000 });
    await until(() => fixture.records.length === 2);
    fixture.runtime.answer = ({ event }) => system.answer(event.id, true);
    await fixture.replay(dead);
    await settledWithoutWaits(fixture);
    expect(fixture.requests.filter(({ name }) => name === 'giveBack')).toHaveLength(1);
    expect(system.log).toEqual(['a/k: permanent', 'b/k: retryable', 'a/k: delivered', 'b/k: delivered']);
    expect(fixture.log.at(-1)).toBe('b/k: delivered');
  });

  it('takes precedence over one that waits, at whatever instant of giving that back the hub is killed', async () => {
    for (const killAt of [0, 1, 2, 3]) {
      for (const isReported of [false, true]) {
        const system = new ExternalSystem();
        const before = await openLaneFixture();
        const dead = await openReplay(before, system);
        system.newer.resolve({ ...retryable, retryAfterMs: 3_600_000 });
        await until(() => before.records.length === 2);
        const { control } = before.journal;
        control.hold();
        void before.replay(dead);
        for (let write = 1; write <= killAt; write += 1) {
          await settle();
          control.write(1);
          if (write < killAt || isReported) control.report();
        }
        await settle();
        const after = await openLaneFixture({ database: before.kill() });
        after.runtime.answer = ({ event }) => system.answer(event.id, true);
        await after.start();
        await settledWithoutWaits(after);
        const [story, newer] = [`${killAt} ${isReported}`, system.log.indexOf('b/k: delivered')];
        expect(newer, story).toBeGreaterThan(-1);
        expect(system.log.slice(newer), story).not.toContain('a/k: delivered');
        if (killAt >= 2) expect(system.log, story).toContain('a/k: delivered');
        await after.close();
      }
    }
  });

  it('waits for one that may have been attempted before a restart, though the lane has not read that yet', async () => {
    const system = new ExternalSystem();
    const before = await openLaneFixture();
    const dead = await openReplay(before, system);
    before.journal.control.hold();
    system.newer.resolve(delivered);
    await until(() => before.journal.control.waiting > 0);
    const after = await openLaneFixture({ database: before.kill() });
    after.runtime.answer = ({ event }) => system.answer(event.id, true);
    await after.replay(dead);
    await after.start();
    await after.settled();
    expect(after.requests.map(({ name }) => name)).toContain('giveBack');
    expect(after.runtime.attempts).toMatchObject([{ event: { id: 'b/k' }, redelivered: true }]);
    expect(after.log).toEqual(['b/k: delivered', 'a/k: dead_lettered']);
  });

  it('and that is accepted in the same commit takes precedence over it, and never beside it', async () => {
    const fixture = await openLaneFixture();
    fixture.runtime.answer = async () => permanent;
    await fixture.start();
    await fixture.accept('a/k');
    await until(() => fixture.records.length === 1);
    const older = Promise.withResolvers<AttemptEnd>();
    fixture.runtime.answer = ({ event }) =>
      event.id === 'a/k' ? (older.promise as Promise<Outcome>) : Promise.resolve(delivered);
    fixture.journal.control.hold();
    void fixture.accept('b/k');
    void fixture.replay('a/k');
    fixture.journal.control.release();
    await settle();
    expect(fixture.runtime.ids).toEqual(['a/k', 'a/k']);
    older.resolve(delivered);
    await fixture.settled();
    expect(fixture.runtime.ids).toEqual(['a/k', 'a/k', 'b/k']);
  });
});
