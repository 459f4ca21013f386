import { describe, expect, it } from 'vitest';
import { assignLanes, laneToGiveBack } from './lane-balance.ts';

const ADAPTERS = ['billing', 'lab', 'records'];
const hub = (id: string, lanes: number, canRun: readonly string[] = ADAPTERS) => {
  return { id, lanes, canRun: new Set(canRun) };
};

describe('lanes without an owner', () => {
  it('go to the hub that has the fewest, in turn', () => {
    const assigned = assignLanes(['records', 'lab', 'billing'], [hub('b', 0), hub('a', 1)]);
    expect([...assigned]).toEqual([
      ['billing', 'b'],
      ['lab', 'a'],
      ['records', 'b'],
    ]);
  });

  it('go to a hub that can run them, or to none', () => {
    const assigned = assignLanes(ADAPTERS, [hub('a', 0, []), hub('b', 5, ['lab'])]);
    expect([...assigned]).toEqual([['lab', 'b']]);
  });
});

describe('an owner', () => {
  it('gives a lane to a hub that has two fewer, which evens them out', () => {
    expect(laneToGiveBack(['records', 'lab', 'billing'], [hub('b', 1)])).toBe('billing');
    expect(laneToGiveBack(['records', 'lab'], [hub('b', 1)])).toBeUndefined();
  });

  it('gives only what the other can run', () => {
    expect(laneToGiveBack(['records', 'lab'], [hub('b', 0, ['records'])])).toBe('records');
    expect(laneToGiveBack(['records', 'lab'], [hub('b', 0, ['pharmacy'])])).toBeUndefined();
  });
});
