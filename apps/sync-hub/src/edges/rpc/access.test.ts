import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { type Client, Code, ConnectError, createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AccessService, Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { DeliveryState } from '@hms-sync/proto/hms/sync/v1/ack';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { PublishUntil, SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Grants } from '../../access/grants.ts';
import type { Role as RoleName } from '../../access/permissions.ts';
import { delivered, published, rejected } from '../publishing/hub.fixture.ts';
import { type AdminTestHub, type AdminTestHubOptions, openAdminTestHub } from './admin-hub.fixture.ts';
import { reasonOf } from './reason-of.fixture.ts';

interface Caller {
  readonly sync: Client<typeof SyncService>;
  readonly admin: Client<typeof AdminService>;
  readonly health: Client<typeof HealthService>;
  readonly access: Client<typeof AccessService>;
}

async function open(options: AdminTestHubOptions = {}): Promise<AdminTestHub> {
  return openAdminTestHub({
    withoutCredential: 'nobody',
    adapters: { billing: () => delivered, records: () => delivered },
    ...options,
  });
}

function transportTo({ port }: AdminTestHub, token: string | undefined): Transport {
  const baseUrl = `http://127.0.0.1:${port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  onTestFinished(() => sessionManager.abort());
  return createConnectTransport({
    ...{ httpVersion: '2', baseUrl, sessionManager },
    interceptors: [
      (next) => (request) => {
        if (token !== undefined) request.header.set('authorization', `Bearer ${token}`);
        return next(request);
      },
    ],
  });
}

function callerWith(hub: AdminTestHub, token: string | undefined): Caller {
  const transport = transportTo(hub, token);
  return {
    sync: createClient(SyncService, transport),
    admin: createClient(AdminService, transport),
    health: createClient(HealthService, transport),
    access: createClient(AccessService, transport),
  };
}

async function as(hub: AdminTestHub, name: string, role: RoleName, grants: Grants = {}): Promise<Caller> {
  const { text } = await hub.tokens.create({ name, role, grants, createdBy: 'test', lifetimeMs: 3_600_000 });
  return callerWith(hub, text);
}

describe('two publishers', () => {
  it('may use the same ids, and see nothing of each other', async () => {
    const hub = await open();
    const one = await as(hub, 'one', 'publisher', { sources: ['one'] });
    const other = await as(hub, 'other', 'publisher', { sources: ['other'] });
    for (const { sync } of [one, other]) {
      const { accepted } = await sync.publishAndWait({ event: published({ id: 'same' }) });
      expect(accepted).toMatchObject({ duplicate: false, source: sync === one.sync ? 'one' : 'other' });
    }
    expect((await one.sync.getEvent({ id: 'same' })).event).toMatchObject({ source: 'one' });
    expect(await reasonOf(one.sync.getEvent({ id: 'same', source: 'other' }))).toBe('EVENT_NOT_FOUND');
    await other.sync.publishAndWait({ event: published({ id: 'only-other' }) });
    expect(await reasonOf(one.sync.getEvent({ id: 'only-other' }))).toBe('EVENT_NOT_FOUND');
    const watching = one.sync.watchAcks({ eventIds: ['only-other'] })[Symbol.asyncIterator]();
    expect(await reasonOf(watching.next())).toBe('EVENT_NOT_FOUND');
  });

  it('may not publish as each other, nor what is not granted', async () => {
    const hub = await open();
    const grants = { sources: ['one', 'one/*'], types: ['Process*'], keys: ['p-*'] };
    const { sync } = await as(hub, 'one', 'publisher', grants);
    const right = { source: 'one/a', type: 'ProcessUpdated', key: 'p-1' };
    expect((await sync.publishAndWait({ event: right })).accepted?.source).toBe('one/a');
    for (const wrong of [{ source: 'other' }, { type: 'PolicyUpdated' }, { key: 'q-1' }, { key: '' }]) {
      const error = await sync.publishAndWait({ event: { ...right, ...wrong } }).catch(ConnectError.from);
      expect(error).toMatchObject({
        code: Code.PermissionDenied,
        rawMessage: expect.stringContaining(`event.${Object.keys(wrong)[0]}`),
      });
    }
    const [result] = await results(sync, { ...right, source: 'other' });
    expect(result?.result).toMatchObject({ case: 'refused', value: { reason: 'PERMISSION_DENIED' } });
    expect(hub.events.map(({ source }) => source)).toEqual(['one/a']);
  });

  it('watch all acks, and each gets its own', async () => {
    const hub = await open();
    const one = await as(hub, 'one', 'publisher', { sources: ['one'] });
    const other = await as(hub, 'other', 'publisher', { sources: ['other'] });
    const watching = one.sync.watchAcks({})[Symbol.asyncIterator]();
    await watching.next();
    await other.sync.publishAndWait({ event: published({ id: 'theirs' }) });
    await one.sync.publishAndWait({ event: published({ id: 'mine' }) });
    const seen: string[] = [];
    while (seen.length < 2)
      seen.push(...((await watching.next()).value?.acks ?? []).map(({ eventId }: { eventId: string }) => eventId));
    expect(seen).toEqual(['mine', 'mine']);
    await watching.return?.();
  });

  it('do not read what external systems answered, unless it is granted', async () => {
    const hub = await open({ adapters: { billing: () => rejected, records: () => delivered } });
    const plain = await as(hub, 'plain', 'publisher', { sources: ['plain'] });
    const detailed = await as(hub, 'detailed', 'publisher', { sources: ['detailed'], ackDetails: true });
    const { acks } = await plain.sync.publishAndWait({ event: published({ id: 'a' }) });
    expect(acks).toMatchObject([
      { error: { code: 'HTTP_400', message: '' } },
      { receipt: '', state: DeliveryState.DELIVERED },
    ]);
    const { deliveries } = await plain.sync.getEvent({ id: 'a' });
    expect(deliveries[0]?.attempts).toMatchObject([{ error: { code: 'HTTP_400', message: '' } }]);
    const full = await detailed.sync.publishAndWait({ event: published({ id: 'a' }) });
    expect(full.acks).toMatchObject([{ error: { message: 'the system answered 400' } }, { receipt: 'ok' }]);
  });
});

async function results(sync: Caller['sync'], event: { source: string; type: string; key: string }) {
  async function* requests() {
    yield { events: [event], until: PublishUntil.SETTLED };
  }
  const all = [];
  for await (const { results: some } of sync.publishStream(requests())) all.push(...some);
  return all;
}

describe('a payload', () => {
  it('is read by its publisher, by an administrator who says why, and by nobody else', async () => {
    const hub = await open();
    const own = await as(hub, 'own', 'publisher', { sources: ['own'] });
    const root = callerWith(hub, await adminToken(hub));
    const value = new TextEncoder().encode('{"a":1}');
    await own.sync.publishAndWait({ event: published({ id: 'a', payload: { case: 'data', value } }) });
    const unasked = await own.sync.getEvent({ id: 'a' });
    expect(unasked.event?.payload).toEqual({ case: undefined });
    expect((await own.sync.getEvent({ id: 'a', includePayload: true })).event?.payload).toEqual({
      case: 'data',
      value,
    });
    expect(await reasonOf(root.sync.getEvent({ id: 'a', includePayload: true }))).toBe('REQUEST_INVALID');
    const asked = await root.sync.getEvent({ id: 'a', includePayload: true, reason: 'a complaint' });
    expect(asked.event?.payload).toEqual({ case: 'data', value });
    for (const role of ['viewer', 'operator'] as const) {
      const { sync } = await as(hub, role, role);
      expect((await sync.getEvent({ id: 'a' })).event).toMatchObject({ id: 'a', payload: { case: undefined } });
      expect(await reasonOf(sync.getEvent({ id: 'a', includePayload: true, reason: 'x' }))).toBe('PERMISSION_DENIED');
    }
  });
});

describe('what is granted', () => {
  it('bounds the acks that a watch of everything has, by key too', async () => {
    const hub = await open();
    const one = await as(hub, 'one', 'publisher', { sources: ['s'], keys: ['a*'] });
    const other = await as(hub, 'other', 'publisher', { sources: ['s'] });
    const watching = one.sync.watchAcks({})[Symbol.asyncIterator]();
    await watching.next();
    await other.sync.publishAndWait({ event: published({ id: 'theirs', key: 'b-1' }) });
    await one.sync.publishAndWait({ event: published({ id: 'mine', key: 'a-1' }) });
    const seen: string[] = [];
    while (seen.length < 2)
      seen.push(...((await watching.next()).value?.acks ?? []).map(({ eventId }: { eventId: string }) => eventId));
    expect(seen).toEqual(['mine', 'mine']);
  });

  it('bounds the events that are read: their types, and the adapters that they go to', async () => {
    const hub = await open({ adapters: { billing: () => delivered } });
    const all = await as(hub, 'all', 'publisher', { sources: ['s'] });
    const some = await as(hub, 'some', 'publisher', { sources: ['s'], types: ['Process*'] });
    const lab = await as(hub, 'lab', 'viewer', { adapters: ['lab'] });
    await all.sync.publishAndWait({ event: published({ id: 'policy', type: 'PolicyUpdated' }) });
    expect(await reasonOf(some.sync.getEvent({ id: 'policy' }))).toBe('EVENT_NOT_FOUND');
    expect(await reasonOf(lab.sync.getEvent({ id: 'policy' }))).toBe('EVENT_NOT_FOUND');
    expect(await reasonOf(all.sync.getEvent({ id: 'policy' }))).toBe('none');
  });

  it('does not show the names of other adapters in errors', async () => {
    const hub = await open({ adapters: { billing: () => delivered, lab: () => delivered } });
    const { admin } = await as(hub, 'lab-team', 'viewer', { adapters: ['lab'] });
    const error = await admin.listDeliveries({ filter: { adapters: ['x'] } }).catch(ConnectError.from);
    expect(String(error)).not.toContain('billing');
  });

  it('lets an adapter-operator install only what adapterPolicy.allow names', async () => {
    const packages: string[] = [];
    const lifecycle = {
      add: async ({ package: spec }: { package: string }) => {
        packages.push(spec);
        return { id: 'lab', version: '1.0.0', warnings: [] };
      },
    };
    const deps = () => ({ allowedPackages: ['@clinic/*'], lifecycle: lifecycle as never });
    const hub = await open({ deps });
    const { admin } = await as(hub, 'lab-team', 'adapter-operator', { adapters: ['lab'] });
    expect(await reasonOf(admin.addAdapter({ package: '@attacker/x', id: 'lab' }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.addAdapter({ package: '/tmp/x', id: 'lab' }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.addAdapter({ package: '@clinic/adapter-x', id: 'billing' }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.addAdapter({ package: '@clinic/adapter-lab@^1.0.0', id: 'lab' }))).toBe('none');
    expect(packages).toEqual(['@clinic/adapter-lab@^1.0.0']);
  });
});

describe('a reload', () => {
  it('reports what is in force and what needs a restart, and is in the audit log', async () => {
    const inForce = { changed: ['auth.tokens'], needsRestart: ['listen'], warnings: ['keys'] };
    const hub = await open({ reload: async () => ({ kind: 'reloaded', ...inForce }) });
    const { access } = callerWith(hub, await adminToken(hub));
    expect(await access.reload({})).toMatchObject(inForce);
    const rpc = 'hms.sync.v1.AccessService/Reload';
    expect(await hub.audited()).toMatchObject([
      { event: 'request', decision: 'allowed', rpc, permission: 'access.manage' },
      { event: 'outcome', rpc, code: 'OK', result: { changed: ['auth.tokens'], needs_restart: ['listen'] } },
    ]);
    expect(hub.changes).toEqual([{ change: 'reload' }]);
  });

  it('of a file that is wrong names what is wrong in it', async () => {
    const reason = 'hms-sync.yaml: listen must be host:port';
    const hub = await open({ reload: async () => ({ kind: 'rejected', reason }) });
    const { access } = callerWith(hub, await adminToken(hub));
    const error = await access.reload({}).catch(ConnectError.from);
    expect(error).toMatchObject({ code: Code.FailedPrecondition, rawMessage: expect.stringContaining(reason) });
    expect(await hub.audited()).toMatchObject([{ event: 'request' }, { event: 'outcome', code: 'CONFIG_INVALID' }]);
  });

  it('is for administrators', async () => {
    const hub = await open();
    expect(await reasonOf((await as(hub, 'ops', 'operator')).access.reload({}))).toBe('PERMISSION_DENIED');
    expect(await hub.audited()).toMatchObject([{ decision: 'refused', why: 'PERMISSION_DENIED' }]);
  });
});

describe('an operator of one adapter', () => {
  it('sees and changes that one alone', async () => {
    const hub = await open({ adapters: { billing: () => rejected, records: () => rejected } });
    const { admin, sync, health } = await as(hub, 'billing-team', 'operator', { adapters: ['billing'] });
    await hub.intake.accept(published({ id: 'a' }));
    await settled(hub, 'a');
    const { deliveries } = await admin.listDeliveries({});
    expect(deliveries.map(({ latest }) => latest?.adapter)).toEqual(['billing']);
    expect((await admin.countDeliveries({})).deliveries).toBe(1n);
    expect((await sync.getEvent({ id: 'a' })).deliveries.map(({ latest }) => latest?.adapter)).toEqual(['billing']);
    expect((await health.getHealth({})).health?.adapters.map(({ id }) => id)).toEqual(['billing']);
    const reason = 'test';
    const filter = { adapters: ['records'] };
    expect(await reasonOf(admin.listDeliveries({ filter }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.discardDeliveries({ filter, reason }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.replayDeliveries({ filter, reason }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(admin.pauseAdapter({ adapter: 'records', reason }))).toBe('PERMISSION_DENIED');
    expect((await admin.discardDeliveries({ filter: { eventIds: ['a'] }, reason })).discarded).toBe(1n);
    const { deliveries: left } = await callerWith(hub, await adminToken(hub)).admin.listDeliveries({
      filter: { states: [DeliveryState.DEAD_LETTERED] },
    });
    expect(left.map(({ latest }) => latest?.adapter)).toEqual(['records']);
  });

  it('does not find a job over other adapters', async () => {
    const hub = await open({ adapters: { billing: () => rejected, records: () => rejected } });
    const everything = callerWith(hub, await adminToken(hub));
    const { admin } = await as(hub, 'billing-team', 'operator', { adapters: ['billing'] });
    await hub.intake.accept(published({ id: 'a' }));
    await settled(hub, 'a');
    const { job } = await everything.admin.replayDeliveries({ filter: { eventIds: ['a'] }, reason: 'test' });
    expect(await reasonOf(admin.getJob({ id: job?.id ?? '' }))).toBe('JOB_NOT_FOUND');
    expect(await reasonOf(admin.cancelJob({ id: job?.id ?? '' }))).toBe('JOB_NOT_FOUND');
    const own = await admin.replayDeliveries({ filter: { eventIds: ['a'] }, reason: 'test' });
    expect((await admin.getJob({ id: own.job?.id ?? '' })).job?.filter?.adapters).toEqual(['billing']);
  });
});

async function adminToken(hub: AdminTestHub): Promise<string> {
  return (
    await hub.tokens.create({ name: 'root', role: 'admin', grants: {}, createdBy: 'test', lifetimeMs: 3_600_000 })
  ).text;
}

async function settled(hub: AdminTestHub, id: string): Promise<void> {
  const { event } = hub.events.find((one) => one.id === id)
    ? { event: hub.events.find((one) => one.id === id) }
    : { event: undefined };
  if (event === undefined) throw new Error(`no event ${id}`);
  const { publishing } = hub;
  const signal = AbortSignal.timeout(10_000);
  for await (const _ of publishing.watch([event], new Map(), signal));
}

describe('a credential', () => {
  it('that is revoked ends its streams and refuses the next call', async () => {
    const hub = await open();
    const { sync } = await as(hub, 'api', 'publisher', { sources: ['api'] });
    const watches = Array.from({ length: 20 }, () => sync.watchAcks({})[Symbol.asyncIterator]());
    for (const watch of watches) await watch.next();
    const ends = watches.map((watch) => reasonOf(watch.next()));
    await hub.tokens.revoke('api');
    expect(new Set(await Promise.all(ends))).toEqual(new Set(['CREDENTIAL_EXPIRED']));
    expect(await reasonOf(sync.publishAndWait({ event: published() }))).toBe('CREDENTIAL_REFUSED');
  });

  it('that is revoked while the body comes changes nothing: what counts is when it is done', async () => {
    const hub = await open();
    const { text } = await hub.tokens.create({
      name: 'root',
      role: 'admin',
      grants: {},
      createdBy: 'test',
      lifetimeMs: 3_600_000,
    });
    const calls = [
      ['/hms.sync.v1.AccessService/CreateToken', '{"name":"backdoor","role":"ROLE_ADMIN"}'],
      ['/hms.sync.v1.SyncService/PublishAndWait', '{"event":{"type":"A"},"wait":"0s"}'],
      ['/sync', '{"type":"A","payload":{}}'],
    ].map(([path = '', body = '']) => {
      const headers = { authorization: `Bearer ${text}`, 'content-type': 'application/json' };
      const call = request({
        port: hub.port,
        path,
        method: 'POST',
        headers: { ...headers, 'content-length': body.length },
      });
      call.write(body.slice(0, 1));
      return { call, rest: body.slice(1), answered: once(call, 'response') };
    });
    // The hub has the headers of all of them once it has answered a call that began after them.
    const probe = callerWith(hub, text);
    await expect.poll(() => probe.access.whoAmI({}).then(({ name }) => name)).toBe('root');
    await hub.tokens.revoke('root');
    for (const { call, rest } of calls) call.end(rest);
    for (const { answered } of calls) {
      const [response] = (await answered) as [IncomingMessage];
      response.resume();
      expect(response.statusCode).toBe(401);
    }
    expect(hub.events).toEqual([]);
    expect(hub.tokens.list().map(({ name }) => name)).toEqual(['root']);
  });

  it('is missing, wrong, or of another role: the reason says which, and nothing is changed', async () => {
    const hub = await open();
    const nobody = callerWith(hub, undefined);
    expect(await reasonOf(nobody.sync.publishAndWait({ event: published() }))).toBe('CREDENTIAL_MISSING');
    expect(await reasonOf(callerWith(hub, 'hms_x').sync.publishAndWait({ event: published() }))).toBe(
      'CREDENTIAL_REFUSED',
    );
    const viewer = await as(hub, 'viewer', 'viewer');
    expect(await reasonOf(viewer.sync.publishAndWait({ event: published() }))).toBe('PERMISSION_DENIED');
    expect(await reasonOf(viewer.access.createToken({ name: 'x', role: Role.ADMIN }))).toBe('PERMISSION_DENIED');
    expect(hub.events).toEqual([]);
    expect(hub.tokens.list().map(({ name }) => name)).toEqual(['viewer']);
  });

  it('that is wrong too often is refused without a reason until the next minute', async () => {
    const hub = await open();
    const { sync } = callerWith(hub, 'hms_x');
    const reasons = [];
    for (let call = 0; call < 22; call += 1) reasons.push(await reasonOf(sync.getEvent({ id: 'a' })));
    expect(reasons.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 'CREDENTIAL_REFUSED'));
    expect(reasons.slice(20)).toEqual(['CALLER_THROTTLED', 'CALLER_THROTTLED']);
    expect(await reasonOf((await as(hub, 'viewer', 'viewer')).sync.getEvent({ id: 'a' }))).toBe('EVENT_NOT_FOUND');
  });
});

describe('a caller at its limit', () => {
  it('opens no further tail until one has ended, and another caller is not at it', async () => {
    const hub = await open();
    const one = await as(hub, 'one', 'viewer');
    const other = await as(hub, 'other', 'viewer');
    const stops = [new AbortController(), new AbortController()];
    for (const { signal } of stops) await one.admin.tailEvents({}, { signal })[Symbol.asyncIterator]().next();
    const third = () => one.admin.tailEvents({})[Symbol.asyncIterator]().next();
    expect(await reasonOf(third())).toBe('CALLER_THROTTLED');
    await other.admin.tailEvents({})[Symbol.asyncIterator]().next();
    stops[0]?.abort();
    await expect
      .poll(() =>
        third().then(
          () => 'open',
          () => 'refused',
        ),
      )
      .toBe('open');
  });
});

describe('replay jobs of a caller', () => {
  it('are at most two that run, and another begins when one has ended', async () => {
    const hub = await open({ adapters: { billing: () => rejected } });
    const { admin } = await as(hub, 'night', 'operator');
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await hub.intake.accept(published({ id }));
    for (const id of ['a', 'b', 'c', 'd', 'e', 'f']) await settled(hub, id);
    const begin = (ids: string[]) =>
      admin.replayDeliveries({ filter: { eventIds: ids }, reason: 'test', ratePerSecond: 1 });
    const { job } = await begin(['a', 'b', 'c']);
    await begin(['d', 'e', 'f']);
    expect(await reasonOf(begin(['a']))).toBe('CALLER_THROTTLED');
    await admin.cancelJob({ id: job?.id ?? '' });
    await expect.poll(() => reasonOf(begin(['a']))).toBe('none');
  });
});

describe('who has no permission for details', () => {
  it('learns from health whether the hub accepts events and its adapters run, and no more', async () => {
    const hub = await open();
    const { health } = await as(hub, 'api', 'publisher', { sources: ['api'] });
    const { health: seen } = await health.getHealth({});
    expect(seen?.hub).toMatchObject({ accepting: true, warnings: [] });
    expect(seen?.hub?.journal).toBeUndefined();
    expect(seen?.adapters).toMatchObject([
      { id: 'billing', package: '', reason: '' },
      { id: 'records', package: '', reason: '' },
    ]);
  });
});

describe('whoever asks', () => {
  it('learns who it is and what it may do', async () => {
    const hub = await open();
    const { access } = await as(hub, 'api', 'publisher', { sources: ['api'], types: ['Process*'] });
    expect(await access.whoAmI({})).toMatchObject({
      ...{ name: 'api', kind: 'token', role: Role.PUBLISHER },
      grants: { sources: ['api'], types: ['Process*'] },
      permissions: ['acks.watch', 'events.publish', 'events.read', 'events.read_payload', 'health.read'],
    });
  });
});
