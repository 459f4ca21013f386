import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import { DeliveryState, HeldBy, OutcomeKind } from '@hms-sync/proto/hms/sync/v1/ack';
import {
  DeliveryGrouping,
  type ListDeliveriesResponse,
  type ListedDelivery,
} from '@hms-sync/proto/hms/sync/v1/admin_service';
import { describe, expect, it } from 'vitest';
import { deadLettered, recordRequest, sampleAccept, sampleEvent } from '../../journal/suite/samples.fixture.ts';
import { delivered, rejected, unwell } from '../publishing/hub.fixture.ts';
import { type AdminTestHub, openAdminTestHub, publishAll, rejectionOf } from './admin-hub.fixture.ts';

const reason = 'sent by hand, says Dana';

/** billing refuses "bad" events permanently, records is unwell with the key "sick"; all else is delivered. */
async function open(): Promise<AdminTestHub> {
  return openAdminTestHub({
    adapters: {
      billing: ({ event }) => (event.id.startsWith('bad') ? rejected : delivered),
      records: ({ event }) => (event.key === 'sick' ? unwell : delivered),
    },
  });
}

const outline = ({ deliveries }: Pick<ListDeliveriesResponse, 'deliveries'>) =>
  deliveries.map(({ latest }) => `${latest?.eventId} ${latest?.adapter} ${DeliveryState[latest?.state ?? 0]}`);

describe('CountDeliveries', () => {
  it('counts what is not delivered, in all and by adapter, failure or key, the largest group first', async () => {
    const hub = await open();
    await publishAll(hub, ['good', 'bad'], 'x');
    await publishAll(hub, ['first', 'second'], 'sick');
    const count = async (groupBy: DeliveryGrouping, groupsMax = 0) => {
      const { deliveries, groups, others } = await hub.admin.countDeliveries({ groupBy, groupsMax });
      return { deliveries, groups: groups.map(({ name, deliveries }) => `${name} ${deliveries}`), others };
    };
    expect(await count(DeliveryGrouping.UNSPECIFIED)).toEqual({ deliveries: 3n, groups: [], others: 0n });
    const byAdapter = { deliveries: 3n, groups: ['records 2', 'billing 1'], others: 0n };
    expect(await count(DeliveryGrouping.ADAPTER)).toEqual(byAdapter);
    expect(await count(DeliveryGrouping.KEY)).toEqual({ ...byAdapter, groups: ['sick 2', 'x 1'] });
    expect(await count(DeliveryGrouping.KEY, 1)).toEqual({ ...byAdapter, groups: ['sick 2'], others: 1n });
    // The second of the key was not attempted: it has no failure.
    expect(await count(DeliveryGrouping.ERROR)).toEqual({ ...byAdapter, groups: [' 1', 'HTTP_400 1', 'HTTP_503 1'] });
  });

  it('counts what the filter means, as ListDeliveries does', async () => {
    const hub = await open();
    await publishAll(hub, ['good', 'bad'], 'x');
    await publishAll(hub, ['first', 'second'], 'sick');
    const count = async (filter: object) =>
      (await hub.admin.countDeliveries({ filter, groupBy: DeliveryGrouping.ADAPTER })).deliveries;
    expect(await count({ states: [DeliveryState.HELD] })).toBe(1n);
    expect(await count({ adapters: ['billing'] })).toBe(1n);
    expect(await count({ states: [DeliveryState.DELIVERED] })).toBe(5n);
    expect(await rejectionOf(count({ adapters: ['nobody'] }))).toMatchObject({ reason: 'ADAPTER_NOT_FOUND' });
    expect(await rejectionOf(count({ eventIds: ['nobody'] }))).toMatchObject({ reason: 'EVENT_NOT_FOUND' });
  });

  it('refuses more groups than it answers, and a grouping that there is not', async () => {
    const { admin } = await open();
    const rejection = (request: object) => rejectionOf(admin.countDeliveries(request));
    expect(await rejection({ groupsMax: 1_001 })).toMatchObject({ fields: ['groups_max'] });
    expect(await rejection({ groupBy: 99 })).toMatchObject({ fields: ['group_by'] });
  });
});

describe('ListDeliveries', () => {
  it('answers what is not delivered, and why, the newest first', async () => {
    const hub = await open();
    await publishAll(hub, ['good', 'bad'], 'x');
    await publishAll(hub, ['first', 'second'], 'sick');
    const { deliveries, nextPageToken } = await hub.admin.listDeliveries({});
    expect(outline({ deliveries })).toEqual([
      'second records HELD',
      'first records RETRYING',
      'bad billing DEAD_LETTERED',
    ]);
    expect(nextPageToken).toBe('');
    const [second, first, bad] = deliveries;
    expect(second).toMatchObject({ key: 'sick', type: 'ProcessUpdated', latest: { heldBy: HeldBy.KEY } });
    expect(first?.latest).toMatchObject({ nextAttemptTime: {}, error: { code: 'HTTP_503' } });
    expect(bad?.latest).toMatchObject({ error: { kind: OutcomeKind.PERMANENT, code: 'HTTP_400' }, cycle: 1 });
    expect(Number(bad?.acceptedTime?.seconds)).toBeGreaterThan(1_600_000_000);
  });

  it.each<[string, object, readonly string[]]>([
    ['adapter', { adapters: ['billing'] }, ['bad billing DEAD_LETTERED']],
    ['key', { keys: ['sick'] }, ['second records HELD', 'first records RETRYING']],
    ['event', { eventIds: ['first'] }, ['first records RETRYING']],
    ['what is held now', { states: [DeliveryState.HELD] }, ['second records HELD']],
    ['what waits for its own next attempt', { states: [DeliveryState.RETRYING] }, ['first records RETRYING']],
    ['what waits for nothing', { states: [DeliveryState.WAITING] }, []],
    ['kind of failure', { errorKinds: [OutcomeKind.PERMANENT] }, ['bad billing DEAD_LETTERED']],
    ['what was delivered', { states: [DeliveryState.DELIVERED], eventIds: ['bad'] }, ['bad records DELIVERED']],
    ['time', { since: timestampFromMs(4_000_000_000_000) }, []],
  ])('filters by %s', async (_, filter, expected) => {
    const hub = await open();
    await publishAll(hub, ['good', 'bad'], 'x');
    await publishAll(hub, ['first', 'second'], 'sick');
    expect(outline(await hub.admin.listDeliveries({ filter }))).toEqual(expected);
  });

  it('refuses an event that nobody knows, which an empty answer would hide', async () => {
    const hub = await open();
    await publishAll(hub, ['good', 'bad'], 'x');
    const rejection = {
      code: 'NotFound',
      reason: 'EVENT_NOT_FOUND',
      message: 'no event has the id "nope", or it is past retention',
    };
    const filter = { eventIds: ['bad', 'nope'] };
    expect(await rejectionOf(hub.admin.listDeliveries({ filter }))).toMatchObject(rejection);
    expect(await rejectionOf(hub.admin.replayDeliveries({ filter, reason }))).toMatchObject(rejection);
    expect(await rejectionOf(hub.admin.replayDeliveries({ filter, reason, dryRun: true }))).toMatchObject(rejection);
    expect(await rejectionOf(hub.admin.discardDeliveries({ filter, reason }))).toMatchObject(rejection);
    expect(hub.changes).toEqual([]);
  });

  it('reports since when a held delivery waits', async () => {
    const hub = await open();
    await publishAll(hub, ['first', 'second'], 'sick');
    const [second] = (await hub.admin.listDeliveries({ filter: { eventIds: ['second'] } })).deliveries;
    expect(second?.latest).toMatchObject({ state: DeliveryState.HELD, attempt: 0, time: second?.acceptedTime });
  });

  it('reports what holds the lane of a delivery that would wait for its own next attempt', async () => {
    const hub = await open();
    await publishAll(hub, ['first'], 'sick');
    expect(outline(await hub.admin.listDeliveries({}))).toEqual(['first records RETRYING']);
    await hub.admin.pauseAdapter({ adapter: 'records', reason });
    const { deliveries } = await hub.admin.listDeliveries({});
    expect(deliveries).toMatchObject([
      { latest: { state: DeliveryState.HELD, heldBy: HeldBy.PAUSED, error: { code: 'HTTP_503' } } },
    ]);
    expect(outline(await hub.admin.listDeliveries({ filter: { states: [DeliveryState.RETRYING] } }))).toEqual([]);
  });

  it('gives the same page by page', async () => {
    const hub = await open();
    await publishAll(hub, ['bad-1', 'bad-2', 'bad-3', 'bad-4', 'bad-5']);
    const filter = { adapters: ['billing'] };
    const pages: ListedDelivery[][] = [];
    let pageToken = '';
    do {
      const page = await hub.admin.listDeliveries({ filter, pageSize: 2, pageToken });
      pages.push(page.deliveries);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(pages.map((deliveries) => deliveries.length)).toEqual([2, 2, 1]);
    expect(outline({ deliveries: pages.flat() })).toEqual(outline(await hub.admin.listDeliveries({ filter })));
  });

  it('refuses a page token with another filter, of another hub, or made up', async () => {
    const [hub, other] = [await open(), await open()];
    for (const each of [hub, other]) await publishAll(each, ['bad-1', 'bad-2']);
    const filter = { adapters: ['billing'] };
    const { nextPageToken } = await hub.admin.listDeliveries({ filter, pageSize: 1 });
    const wrong = [
      { admin: hub.admin, filter: { ...filter, keys: ['x'] }, pageToken: nextPageToken },
      { admin: hub.admin, pageToken: nextPageToken },
      { admin: other.admin, filter, pageToken: nextPageToken },
      { admin: hub.admin, filter, pageToken: 'x' },
      { admin: hub.admin, filter, pageToken: nextPageToken.slice(0, -4) },
    ];
    for (const { admin, ...request } of wrong) {
      const rejection = await rejectionOf(admin.listDeliveries(request));
      expect(rejection).toMatchObject({ reason: 'REQUEST_INVALID', fields: ['page_token'] });
    }
  });

  it.each<[string, object]>([
    ['page_size', { pageSize: 1_001 }],
    ['filter.states', { filter: { states: [DeliveryState.UNSPECIFIED] } }],
    ['filter.states', { filter: { states: [99] } }],
    ['filter.error_kinds', { filter: { errorKinds: [OutcomeKind.DELIVERED] } }],
    ['filter.keys', { filter: { keys: Array(1_001).fill('x') } }],
    ['filter.until', { filter: { since: timestampFromMs(2), until: timestampFromMs(2) } }],
  ])('refuses nonsense, naming %s', async (field, request) => {
    const hub = await open();
    const rejection = await rejectionOf(hub.admin.listDeliveries(request));
    expect(rejection).toMatchObject({ code: 'InvalidArgument', reason: 'REQUEST_INVALID', fields: [field] });
  });

  it('says that there is no such adapter rather than that all is well', async () => {
    const hub = await open();
    expect(await rejectionOf(hub.admin.listDeliveries({ filter: { adapters: ['biling'] } }))).toMatchObject({
      code: 'NotFound',
      reason: 'ADAPTER_NOT_FOUND',
      message: 'the hub has no adapter "biling"; it has billing, records',
    });
  });
});

describe('DiscardDeliveries', () => {
  it('discards dead letters and what waits, and keeps why', async () => {
    const hub = await open();
    await publishAll(hub, ['bad'], 'x');
    await publishAll(hub, ['first', 'second'], 'sick');
    const filter = { keys: ['x', 'sick'] };
    expect(await hub.admin.discardDeliveries({ filter, dryRun: true })).toMatchObject({ discarded: 3n });
    expect((await hub.admin.listDeliveries({})).deliveries).toHaveLength(3);
    expect(await hub.admin.discardDeliveries({ filter, reason })).toMatchObject({ discarded: 3n });
    expect((await hub.admin.listDeliveries({})).deliveries).toEqual([]);
    const given = await hub.admin.listDeliveries({ filter: { states: [DeliveryState.DISCARDED] } });
    expect(given.deliveries.map((delivery) => delivery.reason)).toEqual([reason, reason, reason]);
    expect(hub.changes).toEqual([{ change: 'discard', reason, deliveries: 3 }]);
    expect((await hub.journal.readStatistics()).lanes).toMatchObject([
      { unsettled: 0, deadLetters: 0 },
      { unsettled: 0, deadLetters: 0 },
    ]);
  });

  it('discards only what matches, and nothing that is settled', async () => {
    const hub = await open();
    await publishAll(hub, ['bad-1', 'bad-2']);
    const filter = { eventIds: ['bad-1'] };
    expect(await hub.admin.discardDeliveries({ filter, reason })).toMatchObject({ discarded: 1n });
    expect(outline(await hub.admin.listDeliveries({}))).toEqual(['bad-2 billing DEAD_LETTERED']);
    expect(await hub.admin.discardDeliveries({ filter, reason })).toMatchObject({ discarded: 0n });
  });

  it('discards what an adapter left behind that is no longer configured', async () => {
    const hub = await open();
    await hub.journal.setReceivers(['gone']);
    const { epoch } = await hub.journal.openLane({
      adapter: 'gone',
      onDeadLetter: 'continue',
      nowMs: 0,
      longestWaitMs: 1_000,
    });
    for (const id of ['a', 'b']) await hub.journal.accept(sampleAccept(sampleEvent(id, { key: id })));
    await hub.journal.record(recordRequest(deadLettered({ seq: 2, id: 'b' }, { adapter: 'gone' }), epoch));
    const filter = { adapters: ['gone'] };
    expect(outline(await hub.admin.listDeliveries({ filter }))).toEqual(['b gone DEAD_LETTERED', 'a gone HELD']);
    expect(await hub.admin.discardDeliveries({ filter, reason })).toMatchObject({ discarded: 2n });
    expect(outline(await hub.admin.listDeliveries({ filter }))).toEqual([]);
  });

  it.each<[string, object]>([
    ['filter', { reason }],
    ['filter', { reason, filter: {} }],
    ['filter', { reason, filter: {}, dryRun: true }],
    ['reason', { filter: { keys: ['x'] } }],
    ['reason', { filter: { keys: ['x'] }, reason: ' ' }],
    ['reason', { filter: { keys: ['x'] }, reason: 'x'.repeat(257) }],
    ['reason', { filter: { keys: ['x'] }, reason: 'two\nlines' }],
    ['filter.states', { filter: { states: [DeliveryState.DELIVERED] }, reason }],
  ])('refuses a request without the right %s', async (field, request) => {
    const hub = await open();
    expect(await rejectionOf(hub.admin.discardDeliveries(request))).toMatchObject({
      code: 'InvalidArgument',
      reason: 'REQUEST_INVALID',
      fields: [field],
    });
  });
});
