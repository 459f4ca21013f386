import { describe, expect, it } from 'vitest';
import { DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import { MemoryDisk } from '../journal/memory/memory-disk.ts';
import { LaneBench, retryable, until } from './lane-bench.suite.ts';

describe('a hub that was killed', () => {
  it('delivers again what it had not recorded, in order, and says so', async () => {
    const disk = new MemoryDisk();
    const before = new LaneBench({ disk });
    await before.lane.start();
    await before.accept('a/k', 'b/k');
    before.journal.holdCommits();
    await until(() => before.runtime.ids.length === 1 && before.lane.health().inFlight === 0);
    before.journal.kill();
    const after = new LaneBench({ disk });
    await after.lane.start();
    await until(() => after.records.length === 2);
    await after.accept('c');
    await until(() => after.records.length === 3);
    expect(after.runtime.attempts).toMatchObject([
      { event: { id: 'a/k' }, number: 1, redelivered: true },
      { event: { id: 'b/k' }, number: 1, redelivered: true },
      { event: { id: 'c' }, number: 1, redelivered: false },
    ]);
  });

  it('goes on with an open breaker, and with the attempts that it had counted', async () => {
    const disk = new MemoryDisk();
    const before = new LaneBench({ disk, breakerPolicy: { ...DEFAULT_BREAKER, resetTimeoutMs: 60_000 } });
    before.runtime.answer = async () => retryable;
    await before.lane.start();
    await before.accept('a', 'b', 'c', 'd', 'e');
    await until(() => before.records.length === 5);
    before.journal.kill();
    const after = new LaneBench({ disk });
    const [stored] = await after.journal.readBreakers();
    expect(stored).toMatchObject({ adapter: 'billing', state: 'open' });
    after.lane.restoreBreaker({ cause: '3 of 5', sinceMs: 0 });
    await after.lane.start();
    await until(() => after.lane.health().breaker.condition === 'closed' && after.records.length >= 5);
    expect(after.conditions.slice(0, 3)).toEqual(['open', 'half_open', 'closed']);
    expect(after.runtime.attempts.map(({ number }) => number)).toEqual([2, 2, 2, 2, 2]);
  });
});
