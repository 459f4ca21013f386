import { expect, it, vi } from 'vitest';
import { patienceMs } from '../core/ownership-state.ts';
import type { Hubs } from '../journal/cluster-journal.ts';
import { systemClock } from '../lanes/clock.ts';
import { Membership } from './membership.ts';

it('lets other hubs wait for the longest attempts of an adapter, whichever version makes them', async () => {
  const setPatience = vi.fn<Hubs['setPatience']>(async () => undefined);
  const membership = new Membership({
    hubs: { id: 'hub-1', setPatience } as Partial<Hubs> as Hubs,
    clock: systemClock,
    hub: { name: 'a', version: '1.0.0' },
    canRun: ['billing'],
    lanes: {} as never,
    onLeft: () => undefined,
    onChange: () => undefined,
  });
  await membership.expectAttempts('billing', 60_000);
  await membership.expectAttempts('billing', 5_000);
  await membership.expectAttempts('records', 5_000);
  expect(setPatience.mock.calls).toEqual([
    ['billing', 0, patienceMs(60_000)],
    ['billing', 0, patienceMs(60_000)],
    ['records', 0, patienceMs(5_000)],
  ]);
});
