import { create } from '@bufbuild/protobuf';
import { Code, ConnectError, createContextValues, createHandlerContext } from '@connectrpc/connect';
import {
  Health as GrpcHealth,
  HealthCheckRequestSchema,
  HealthCheckResponse_ServingStatus as Status,
} from '@hms-sync/proto/health/v1/health';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { OPEN_PRINCIPAL, type Principal, UNKNOWN_PRINCIPAL } from '../../access/principal.ts';
import { delivered, openTestHub, published, unwell } from '../publishing/hub.fixture.ts';
import { CALLER } from './caller.ts';
import { HealthFeed } from './health-feed.ts';
import { createGrpcHealth } from './health-services.ts';

const feeds: HealthFeed[] = [];
afterEach(() => {
  for (const feed of feeds.splice(0)) feed.stop();
});

async function open(caller: Principal = OPEN_PRINCIPAL) {
  const hub = await openTestHub({ adapters: { billing: () => unwell, records: () => delivered } });
  const feed = new HealthFeed({
    version: '1.2.3',
    startedAtMs: 0,
    journal: hub.journal,
    lanes: hub.lanes,
    notAcceptingReason: () => hub.intake.notAcceptingReason,
  });
  feeds.push(feed);
  hub.onChange = () => feed.changed();
  const service = createGrpcHealth(feed);
  const abort = new AbortController();
  const context = (method: 'check' | 'list' | 'watch') =>
    createHandlerContext({
      service: GrpcHealth,
      method: GrpcHealth.method[method],
      protocolName: 'grpc',
      requestMethod: 'POST',
      url: 'http://hub',
      requestHeader: new Headers(),
      contextValues: createContextValues().set(CALLER, caller),
      requestSignal: abort.signal,
    });
  const check = async (name: string) =>
    (await service.check(create(HealthCheckRequestSchema, { service: name }), context('check'))).status;
  const watch = (name: string) =>
    service.watch(create(HealthCheckRequestSchema, { service: name }), context('watch'))[Symbol.asyncIterator]();
  const list = async () =>
    (await service.list({ $typeName: 'grpc.health.v1.HealthListRequest' }, context('list'))).statuses;
  const openBreaker = async () => {
    await Promise.all(Array.from({ length: 5 }, () => hub.intake.accept(published())));
    await vi.waitFor(async () => expect(await check('adapter/billing')).toBe(Status.NOT_SERVING), { timeout: 20_000 });
  };
  return { hub, feed, check, watch, list, openBreaker, abort };
}

describe('an adapter', () => {
  it('serves while it runs and its breaker is closed, and never speaks for the hub', async () => {
    const { check, openBreaker } = await open();
    expect(await check('adapter/billing')).toBe(Status.SERVING);
    await openBreaker();
    expect(await check('adapter/records')).toBe(Status.SERVING);
    expect(await check('')).toBe(Status.SERVING);
    expect(await check('hms.sync.v1.SyncService')).toBe(Status.SERVING);
  });

  it('does not serve while it is paused', async () => {
    const { hub, check } = await open();
    for (const lane of hub.lanes) lane.pause({ kind: 'operator', reason: 'maintenance' });
    expect(await check('adapter/records')).toBe(Status.NOT_SERVING);
  });
});

it('says that the hub does not serve once it stops', async () => {
  const { hub, check, list } = await open();
  hub.intake.stop();
  expect(await check('')).toBe(Status.NOT_SERVING);
  expect(await list()).toMatchObject({
    '': { status: Status.NOT_SERVING },
    'hms.sync.v1.SyncService': { status: Status.NOT_SERVING },
    'adapter/billing': { status: Status.SERVING },
  });
});

it('knows no other service, and quotes at most 128 characters of its name', async () => {
  const { check } = await open();
  for (const name of ['adapter/other', 'billing', 'constructor', '__proto__', 'x'.repeat(100_000)]) {
    const error = await check(name).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConnectError);
    expect(error).toMatchObject({ code: Code.NotFound });
    expect((error as ConnectError).message.length).toBeLessThan(200);
  }
});

describe('a watch', () => {
  it('reports the status now, then only when it changes', async () => {
    const { hub, watch, openBreaker, abort } = await open();
    const statuses = watch('adapter/billing');
    expect(await statuses.next()).toMatchObject({ value: { status: Status.SERVING } });
    const next = statuses.next();
    // Changes of another adapter are none of this one.
    for (const lane of hub.lanes) if (lane.adapter.id === 'records') lane.pause({ kind: 'operator', reason: '' });
    await openBreaker();
    expect(await next).toMatchObject({ value: { status: Status.NOT_SERVING } });
    const last = statuses.next();
    abort.abort();
    expect(await last).toMatchObject({ done: true });
  });

  it('of an unknown service stays open', async () => {
    const { watch, abort } = await open();
    const statuses = watch('adapter/other');
    expect(await statuses.next()).toMatchObject({ value: { status: Status.SERVICE_UNKNOWN } });
    abort.abort();
    expect(await statuses.next()).toMatchObject({ done: true });
  });
});

it('has nothing about adapters for a caller without a credential', async () => {
  const { check, list } = await open(UNKNOWN_PRINCIPAL);
  expect(await check('')).toBe(Status.SERVING);
  await expect(check('adapter/records')).rejects.toMatchObject({ code: Code.NotFound });
  expect(Object.keys((await list()) ?? {})).toEqual(['', 'hms.sync.v1.SyncService']);
});
