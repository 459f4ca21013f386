import { describe, expect, it } from 'vitest';
import { badAdapters } from '../proof/bad-adapters.ts';
import { tryBadAdapter } from '../proof/hostile-trial.ts';

// The rest, and what they cost the others in time, is `npm run adapters:hostile`.
const HERE = ['throws-at-import', 'floods-stdout', 'forks-children', 'prints-a-secret'];

describe('a bad adapter does not affect the other lanes, its operator sees why it fails, and it recovers', () => {
  it.each(badAdapters.filter(({ name }) => HERE.includes(name)))('$name', { timeout: 600_000 }, async (bad) => {
    const result = await tryBadAdapter(bad, { warmUpMs: 100, calmMs: 100, eventsPerSecond: 20 });
    expect(result.breaches).toEqual([]);
    expect(result.seen).toMatch(bad.sees);
  });
});
