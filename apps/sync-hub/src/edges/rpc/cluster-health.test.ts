import { create } from '@bufbuild/protobuf';
import {
  type AdapterHealth,
  AdapterHealthSchema,
  AdapterState,
  BreakerSchema,
  BreakerState,
} from '@hms-sync/proto/hms/sync/v1/health_service';
import { expect, it, onTestFinished, vi } from 'vitest';
import type { LaneOwnership } from '../../core/ownership-state.ts';
import type { KnownHub, SavedHealth } from '../../journal/cluster-journal.ts';
import { ClusterHealth } from './cluster-health.ts';

const MS = Date.UTC(2026, 0, 2, 21, 32, 10);

const hub = (name: string, more: Partial<KnownHub> = {}): KnownHub => ({
  ...{ id: `id of ${name}`, name, version: '1.0.0', canRun: ['billing'], beatAtMs: MS },
  ...more,
});

const owned = (owner: string, epoch = 1): LaneOwnership => ({
  ...{ kind: 'owned', adapter: 'billing', epoch, owner, sinceMs: MS },
});

/** Hubs on one journal, which has the rows of a map. */
function openCluster() {
  const rows = new Map<string, Uint8Array>();
  const saves: SavedHealth[] = [];
  const shared = {
    known: [hub('here'), hub('there')] as KnownHub[],
    ownerships: [] as LaneOwnership[],
    isAway: false,
  };
  const gates: string[] = [];
  const open = (name: string, fault?: string) => {
    const options = {
      name,
      hubs: {
        id: name,
        get known() {
          return shared.known;
        },
        saveHealth: async (healths: readonly SavedHealth[]) => {
          if (shared.isAway) throw new Error('the database is away');
          saves.push(...healths);
          for (const { adapter, health } of healths) rows.set(adapter, health);
        },
        readHealth: async () => {
          if (shared.isAway) throw new Error('the database is away');
          return [...rows].map(([adapter, health]) => ({ adapter, health }));
        },
      },
      get ownerships() {
        return shared.ownerships;
      },
      configured: [{ id: 'billing', package: 'adapter-billing', runtime: 'process', fault }],
    };
    return new ClusterHealth(options, (adapter) => gates.push(adapter));
  };
  return { shared, saves, gates, open };
}

const ready = create(AdapterHealthSchema, { id: 'billing', package: 'adapter-billing', state: AdapterState.READY });

it('shows at one hub what another says of its adapter, by whom and since when', async () => {
  const { shared, open } = openCluster();
  shared.ownerships = [owned('there')];
  open('there').save([{ ...ready, version: '2.0.0' }]);
  const here = open('here');
  await here.read();
  const owner = { hub: 'there', epoch: 1n, since: { seconds: BigInt(MS / 1_000) } };
  expect(here.adapters([])).toMatchObject([{ id: 'billing', state: AdapterState.READY, version: '2.0.0', owner }]);
});

it('does not show what an owner before said as the state of now', async () => {
  const { shared, open } = openCluster();
  shared.ownerships = [owned('there')];
  open('there').save([ready]);
  const here = open('here');
  await here.read();
  shared.ownerships = [owned('elsewhere', 2)];
  const reason = 'elsewhere took it over just now, and has not yet reported its state';
  expect(here.adapters([])).toMatchObject([{ state: AdapterState.STARTING, reason, owner: { hub: 'elsewhere' } }]);
});

it('says since when a lane has no owner, and by when it has one', () => {
  const { shared, open } = openCluster();
  const lane = { kind: 'no_owner', adapter: 'billing', epoch: 1, sinceMs: MS } as const;
  shared.ownerships = [{ ...lane, takenOverByMs: MS + 21_000 }];
  expect(open('here').adapters([])).toMatchObject([
    { state: AdapterState.STARTING, reason: 'no owner since 21:32:10 UTC, taken over by 21:32:31 UTC at the latest' },
  ]);
  shared.ownerships = [{ ...lane, takenOverByMs: undefined }];
  expect(open('here', 'BILLING_TOKEN is not set').adapters([])).toMatchObject([
    {
      ...{ state: AdapterState.FAILED, package: 'adapter-billing' },
      reason: 'no owner since 21:32:10 UTC: no hub that lives can run it, this one because: BILLING_TOKEN is not set',
    },
  ]);
});

it('knows adapters that are configured at another hub alone, and none that were removed everywhere', () => {
  const { shared, open } = openCluster();
  shared.known = [hub('here'), hub('there', { canRun: ['lab'] })];
  shared.ownerships = [{ kind: 'no_owner', adapter: 'removed', epoch: 1, sinceMs: MS, takenOverByMs: undefined }];
  expect(
    open('here')
      .adapters([])
      .map(({ id }) => id),
  ).toEqual(['billing', 'lab']);
});

it('saves what changed at once, and what did not after 5 s', async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { shared, saves, open } = openCluster();
  shared.ownerships = [owned('here')];
  const here = open('here');
  const saved = async (state: AdapterState) => {
    here.save([{ ...ready, state }]);
    await vi.advanceTimersByTimeAsync(0);
    return saves.length;
  };
  expect(await saved(AdapterState.READY)).toBe(1);
  expect(await saved(AdapterState.READY)).toBe(1);
  expect(await saved(AdapterState.PAUSED)).toBe(2);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(await saved(AdapterState.PAUSED)).toBe(3);
  shared.isAway = true;
  expect(await saved(AdapterState.READY)).toBe(3);
  shared.isAway = false;
  expect(await saved(AdapterState.READY)).toBe(4);
});

it('lists each hub once, with its newest process and what it runs', () => {
  const { shared, open } = openCluster();
  const killed = hub('there', { id: 'before', version: '0.9.0', beatAtMs: MS - 60_000 });
  shared.known = [killed, hub('there'), hub('here')];
  shared.ownerships = [owned('there')];
  expect(open('here').hubs()).toMatchObject([
    { name: 'here', version: '1.0.0', adapters: [] },
    { name: 'there', version: '1.0.0', adapters: ['billing'], lastBeatTime: { seconds: BigInt(MS / 1_000) } },
  ]);
});

it('knows what holds the deliveries of an adapter that another hub runs, and when that changes', async () => {
  const { shared, gates, open } = openCluster();
  const [here, there] = [open('here'), open('there')];
  const held = async (health: AdapterHealth) => {
    there.save([health]);
    await here.read();
    return here.heldBy('billing');
  };
  expect(here.heldBy('billing')).toBe('not_ready');
  shared.ownerships = [owned('there')];
  expect(await held(ready)).toBeUndefined();
  expect(await held({ ...ready, state: AdapterState.PAUSED })).toBe('paused');
  expect(await held({ ...ready, breaker: create(BreakerSchema, { state: BreakerState.OPEN }) })).toBe('breaker');
  expect(gates).toEqual(['billing', 'billing']);
  shared.ownerships = [{ kind: 'no_owner', adapter: 'billing', epoch: 1, sinceMs: MS, takenOverByMs: MS }];
  await here.read();
  expect(here.heldBy('billing')).toBe('not_ready');
  expect(gates).toHaveLength(3);
  expect(here.heldBy('removed')).toBe('not_ready');
});
