import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DescField, type DescMessage, fromJson, type JsonValue, ScalarType } from '@bufbuild/protobuf';
import { createClient, type Transport } from '@connectrpc/connect';
import { createConnectTransport } from '@connectrpc/connect-node';
import { AccessService, Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { describe, expect, it } from 'vitest';
import { SmallDisk } from '../../audit/audit.fixture.ts';
import { published, rejected } from '../publishing/hub.fixture.ts';
import {
  type AdminTestHub,
  type AdminTestHubOptions,
  noInstalls,
  openAdminTestHub,
  publishAll,
  rejectionOf,
  untilEnded,
} from './admin-hub.fixture.ts';
import { auditedRpc } from './audited-rpcs.ts';
import { AUDITED, EVERY_RPC, neededFor } from './rpc-permissions.ts';

const REASON = 'rates are fixed, INC-1204';
const SERVICES = [AdminService, AccessService, AuditService];
const audited = SERVICES.flatMap((service) =>
  service.methods.flatMap((method) =>
    auditedRpc(service.typeName, method.localName) === undefined ? [] : [{ service, method }],
  ),
);

/** Calls of somebody with a token, or with whatever else is in the header. */
function callerWith(hub: AdminTestHub, text: string, headers: Readonly<Record<string, string>> = {}): Transport {
  return createConnectTransport({
    httpVersion: '1.1',
    baseUrl: `http://127.0.0.1:${hub.port}`,
    interceptors: [
      (next) => (request) => {
        request.header.set('authorization', `Bearer ${text}`);
        for (const [name, value] of Object.entries(headers)) request.header.set(name, value);
        return next(request);
      },
    ],
  });
}

function tokenOf(hub: AdminTestHub, name: string, role: 'admin' | 'viewer') {
  return hub.tokens.create({ name, role, grants: {}, createdBy: 'test', lifetimeMs: undefined });
}

describe('a change', () => {
  it('is recorded before it is made, and its outcome before it is answered', async () => {
    let atTheChange: unknown[] = [];
    const hub = await openAdminTestHub({
      deps: ({ journal }) => ({
        journal: Object.assign(Object.create(journal), {
          saveLanePause: async (request: Parameters<typeof journal.saveLanePause>[0]) => {
            atTheChange = await hub.audited();
            return journal.saveLanePause(request);
          },
        }),
      }),
    });
    await hub.admin.pauseAdapter({ adapter: 'billing', reason: REASON });
    const facts = {
      principal: { kind: 'open', name: 'anyone', role: 'admin' },
      ...{ address: '127.0.0.1', rpc: 'hms.sync.v1.AdminService/PauseAdapter' },
    };
    const decision = {
      ...{ seq: 1, event: 'request', decision: 'allowed', permission: 'adapters.control' },
      ...{ ...facts, target: { adapter: 'billing' }, reason: REASON },
    };
    expect(atTheChange).toMatchObject([decision]);
    expect(await hub.audited()).toMatchObject([
      decision,
      { seq: 2, event: 'outcome', of: 1, ...facts, code: 'OK', result: { was_paused: false } },
    ]);
  });

  it('that fails has an outcome with the reason', async () => {
    const hub = await openAdminTestHub();
    await rejectionOf(hub.admin.resumeAdapter({ adapter: 'sales', reason: REASON }));
    await rejectionOf(hub.admin.addAdapter({ package: 'adapter-lab@1.0.0', id: 'lab' }));
    await rejectionOf(hub.access.revokeToken({ name: 'nobody', reason: REASON }));
    const records = await hub.audited();
    expect(records.map(({ event, of, code }) => [event, of, code])).toEqual([
      ['request', undefined, undefined],
      ['outcome', 1, 'ADAPTER_NOT_FOUND'],
      ['request', undefined, undefined],
      ['outcome', 3, 'ADAPTER_REFUSED'],
      ['request', undefined, undefined],
      ['outcome', 5, 'TOKEN_NOT_FOUND'],
    ]);
  });

  it('that fails by a fault of the hub has an outcome', async () => {
    const hub = await openAdminTestHub({
      deps: () => ({ backups: { make: () => Promise.reject(new Error('boom')) } }),
    });
    await rejectionOf(hub.admin.backupJournal({ path: '2026-01-31' }));
    expect(await hub.audited()).toMatchObject([{ target: { backup: '2026-01-31' } }, { code: 'HUB_FAILED' }]);
    (hub.faults as unknown[]).length = 0;
  });

  it('of deliveries has the filter and how many there were', async () => {
    const hub = await openAdminTestHub({ adapters: { billing: () => rejected, records: () => rejected } });
    await publishAll(hub, ['a', 'b'], 'patient-7');
    const { job } = await hub.admin.replayDeliveries({ filter: { adapters: ['billing'] }, reason: REASON });
    await untilEnded(hub, job);
    await hub.admin.discardDeliveries({ filter: { keys: ['patient-7'], eventIds: ['a', 'b'] }, reason: REASON });
    const [replay, replayed, discard, discarded] = await hub.audited();
    expect(replay).toMatchObject({ target: { filter: { adapters: ['billing'] } } });
    expect(replayed).toMatchObject({ result: { job: job?.id, matched: 2 } });
    const hashed = expect.stringMatching(/^hmac:[0-9a-f]{32}$/);
    expect(discard).toMatchObject({ target: { filter: { keys: [hashed], event_ids: ['a', 'b'] } } });
    expect(discarded).toMatchObject({ code: 'OK', result: { deliveries: 4 } });
  });

  it("has the caller's request id and trace, in the forms that these have", async () => {
    const hub = await openAdminTestHub();
    const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
    const { text } = await tokenOf(hub, 'ops', 'admin');
    const calls = [
      { 'x-request-id': 'req-7', traceparent },
      { 'x-request-id': 'not an id', traceparent: 'none' },
    ];
    for (const headers of calls) {
      const admin = createClient(AdminService, callerWith(hub, text, headers));
      await admin.pauseAdapter({ adapter: 'billing', reason: REASON });
    }
    const [first, , second] = await hub.audited();
    expect(first).toMatchObject({ request_id: 'req-7', traceparent });
    expect(second).not.toHaveProperty('request_id');
    expect(second).not.toHaveProperty('traceparent');
  });
});

it('records nothing of what changes nothing', async () => {
  const hub = await openAdminTestHub({ adapters: { billing: () => rejected } });
  await publishAll(hub, ['a']);
  const filter = { adapters: ['billing'] };
  await hub.admin.listDeliveries({ filter });
  await hub.admin.countDeliveries({ filter });
  await hub.admin.discardDeliveries({ filter, dryRun: true });
  await hub.admin.replayDeliveries({ filter, dryRun: true });
  await hub.access.listTokens({});
  await hub.access.whoAmI({});
  await hub.audits.listAudit({});
  await hub.audits.verifyAudit({});
  expect(await hub.audited()).toEqual([]);
});

it('keeps something of every rpc that changes anything, all of them unary', () => {
  const changing = SERVICES.flatMap((service) =>
    service.methods
      .filter(({ localName }) => AUDITED.has(neededFor(service.typeName, localName) ?? 'nothing'))
      // NO_SIDE_EFFECTS
      .filter(({ idempotency }) => idempotency !== 1),
  );
  expect(audited.map(({ method }) => method)).toEqual(changing);
  expect(changing.map(({ methodKind }) => methodKind)).toEqual(changing.map(() => 'unary'));
  const elsewhere = EVERY_RPC.filter(({ service }) => !SERVICES.some(({ typeName }) => typeName === service));
  expect(elsewhere.filter(({ service, localName }) => AUDITED.has(neededFor(service, localName) ?? 'nothing'))).toEqual(
    [],
  );
});

describe('a disk without room', () => {
  it('has every change refused before anything is done, while publishing goes on', async () => {
    const disk = new SmallDisk();
    const hub = await openAdminTestHub({ openAuditFile: disk.openFile });
    disk.isFull = true;
    for (const { service, method } of audited) {
      const client = createClient(service, callerWith(hub, (await tokenOf(hub, method.name, 'admin')).text));
      const call = client[method.localName as keyof typeof client] as (message: unknown) => Promise<unknown>;
      expect([method.name, await rejectionOf(call({}))]).toEqual([
        method.name,
        expect.objectContaining({ code: 'Unavailable', reason: 'AUDIT_FAILED' }),
      ]);
    }
    const { message } = await rejectionOf(hub.admin.pauseAdapter({ adapter: 'billing', reason: REASON }));
    expect(message).toContain('no space is left on its disk');
    expect(hub.changes).toEqual([]);
    expect(hub.lanes.get('billing')?.health().pause).toBeUndefined();
    await hub.intake.accept(published({ id: 'while-full' }));
    disk.isFull = false;
    await hub.admin.pauseAdapter({ adapter: 'billing', reason: REASON });
    expect((await hub.audited()).map(({ seq }) => seq)).toEqual([1, 2]);
  });

  it('that comes between the change and its outcome takes nothing back', async () => {
    const disk = new SmallDisk();
    const hub = await openAdminTestHub({
      openAuditFile: disk.openFile,
      deps: () => ({
        onChange: () => {
          disk.isFull = true;
        },
      }),
    });
    expect(await hub.admin.pauseAdapter({ adapter: 'billing', reason: REASON })).toMatchObject({ wasPaused: false });
    expect(hub.lanes.get('billing')?.health().pause).toBe(REASON);
    disk.isFull = false;
    expect((await hub.audits.verifyAudit({})).fault).toBe('');
  });
});

describe('who is not let in', () => {
  it('is recorded for want of permission, with what was asked for', async () => {
    const hub = await openAdminTestHub({ withoutCredential: 'nobody' });
    const { token, text } = await tokenOf(hub, 'eyes', 'viewer');
    const viewer = callerWith(hub, text);
    await createClient(AdminService, viewer).listDeliveries({});
    await rejectionOf(createClient(AdminService, viewer).pauseAdapter({ adapter: 'billing', reason: REASON }));
    await rejectionOf(createClient(AuditService, viewer).listAudit({}));
    const principal = { kind: 'token', name: 'eyes', role: 'viewer', credential: token.id };
    const refused = {
      event: 'request',
      decision: 'refused',
      why: 'PERMISSION_DENIED',
      principal,
      address: '127.0.0.1',
    };
    expect(await hub.audited()).toMatchObject([
      { ...refused, rpc: 'hms.sync.v1.AdminService/PauseAdapter', permission: 'adapters.control' },
      { ...refused, rpc: 'hms.sync.v1.AuditService/ListAudit', permission: 'audit.read' },
    ]);
  });

  it('is counted for a wrong credential, over rpcs and plain HTTP, and its text is nowhere', async () => {
    const hub = await openAdminTestHub({ withoutCredential: 'nobody' });
    const wrong = 'hms_aaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbcccccc';
    const admin = createClient(AdminService, callerWith(hub, wrong));
    for (let call = 0; call < 3; call += 1) await rejectionOf(admin.listDeliveries({}));
    const { status } = await fetch(`http://127.0.0.1:${hub.port}/sync`, {
      method: 'POST',
      headers: { authorization: `Bearer ${wrong}` },
    });
    expect(status).toBe(401);
    expect(await hub.audited()).toEqual([]);
    await hub.refused.flush();
    expect(await hub.audited()).toMatchObject([
      { event: 'credentials', address: '127.0.0.1', refused: { CREDENTIAL_REFUSED: 4 } },
    ]);
    expect(textOf(hub)).not.toContain('bbbb');
  });
});

describe('a record', () => {
  it('has of all fields of all requests only those that name what is changed, and no secret', async () => {
    const restarted = async () => ({ id: 'lab', version: '1.0.0', warnings: ['mark-warning'] });
    const hub = await openAdminTestHub({
      deps: () => ({
        lifecycle: {
          ...noInstalls,
          ...{ add: restarted, upgrade: restarted, rollback: restarted, restart: restarted },
          remove: async () => 7,
        },
      }),
    } satisfies AdminTestHubOptions);
    const { text } = await tokenOf(hub, 'ops', 'admin');
    for (const { service, method } of audited) {
      const client = createClient(service, callerWith(hub, text));
      const message = fromJson(method.input, filled(method.input));
      const call = client[method.localName as keyof typeof client] as (message: unknown) => Promise<unknown>;
      await call(message).catch(() => undefined);
    }
    const made = await hub.access.createToken({ name: 'hms-api', role: Role.PUBLISHER });
    const rotated = await hub.access.rotateToken({ name: 'hms-api' });
    const written = textOf(hub);
    const found = new Set(written.match(/mark-[\w.]+/g));
    expect([...found].sort()).toEqual([
      ...['mark-adapter', 'mark-filter.adapters', 'mark-filter.event_ids', 'mark-filter.sources', 'mark-filter.types'],
      ...['mark-grants.adapters', 'mark-grants.sources', 'mark-grants.types'],
      ...['mark-id', 'mark-name', 'mark-package', 'mark-path', 'mark-reason', 'mark-version'],
    ]);
    for (const secret of [text, made.text, rotated.text]) expect(written).not.toContain(secret.slice(13));
    const outcomes = (await hub.audited()).filter(({ event }) => event === 'outcome');
    expect(outcomes).toHaveLength(audited.length + 2);
  });

  it('has nothing of a secret that was pasted where a name or a reason belongs', async () => {
    const hub = await openAdminTestHub();
    const { text } = await tokenOf(hub, 'ops', 'viewer');
    const reason = `${text} was in a log, as was eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYXJrIn0.c2ln`;
    await rejectionOf(hub.access.revokeToken({ name: text, reason }));
    await rejectionOf(hub.admin.addAdapter({ package: 'https://user:s3cret@registry.example/a.tgz' }));
    await rejectionOf(
      hub.admin.pauseAdapter({ adapter: 'ftp://user:s3cret@host', reason: `Bearer ${'s3cret'.repeat(5)}` }),
    );
    const written = textOf(hub);
    for (const secret of [text.slice(13), 'c2ln', 's3cret', 'eyJzdWIi']) expect(written).not.toContain(secret);
    expect(written).toContain(`${text.slice(0, 13)}*** was in a log, as was eyJ***`);
    expect(written).toContain('(no package)');
  });

  it('is bounded, whatever was asked for', async () => {
    const hub = await openAdminTestHub();
    const eventIds = Array.from({ length: 1_000 }, (_, number) => `event-${number}`);
    const names = { name: 'x'.repeat(100_000), reason: '\u0000\n\u202e'.repeat(10_000) };
    await rejectionOf(hub.admin.discardDeliveries({ filter: { eventIds }, reason: REASON }));
    await rejectionOf(hub.access.revokeToken(names));
    const records = await hub.audited();
    expect(records[0]).toMatchObject({ target: { filter: { event_ids_count: 1_000 } } });
    for (const record of records) expect(JSON.stringify(record).length).toBeLessThan(4_096);
    expect(textOf(hub)).toMatch(/^[\x20-\x7e\n]*$/);
  });
});

describe('AuditService', () => {
  it('lists the records as they are on disk, a page at a time, and says that they are whole', async () => {
    const hub = await openAdminTestHub();
    for (let pause = 0; pause < 3; pause += 1) await hub.admin.pauseAdapter({ adapter: 'billing', reason: REASON });
    const records: string[] = [];
    let pageToken = '';
    do {
      const page = await hub.audits.listAudit({ pageSize: 4, pageToken });
      records.push(...page.records);
      pageToken = page.nextPageToken;
    } while (pageToken !== '');
    expect(records.map((line) => `${line}\n`).join('')).toBe(textOf(hub));
    expect((await hub.audits.listAudit({ principals: ['nobody'] })).records).toEqual([]);
    expect(await hub.audits.verifyAudit({})).toMatchObject({ records: 6n, fault: '', lastSeq: 6n });
    const { fault } = await hub.audits.verifyAudit({ checkpoint: '6:none:none' });
    expect(fault).toContain('not one of this log');
  });

  it('refuses what it cannot read', async () => {
    const hub = await openAdminTestHub();
    const { audits } = hub;
    const wrong = [
      await rejectionOf(audits.listAudit({ pageSize: 1_001 })),
      await rejectionOf(audits.listAudit({ pageToken: 'nowhere' })),
      await rejectionOf(audits.listAudit({ principals: Array.from({ length: 1_001 }, () => 'x') })),
      await rejectionOf(audits.verifyAudit({ checkpoint: 'x'.repeat(257) })),
    ];
    expect(wrong.map(({ fields }) => fields)).toEqual([['page_size'], ['page_token'], ['principals'], ['checkpoint']]);
  });
});

/** All that is on disk of a hub's audit log. */
function textOf({ auditFolder }: AdminTestHub): string {
  const days = readdirSync(auditFolder).filter((name) => name.endsWith('.jsonl'));
  return days.map((name) => readFileSync(join(auditFolder, name), 'utf8')).join('');
}

/** A message with something in each of its fields; texts name their field. Dry runs are not meant. */
function filled(schema: DescMessage, path = ''): JsonValue {
  const fields = schema.fields.filter(({ name }) => name !== 'dry_run');
  return Object.fromEntries(fields.map((field) => [field.jsonName, filledField(field, `${path}${field.name}`)]));
}

function filledField(field: DescField, path: string): JsonValue {
  const one = filledValue(field, path);
  return field.fieldKind === 'list' ? [one] : one;
}

function filledValue(field: DescField, path: string): JsonValue {
  if (path === 'config_json') return '{"password":"mark-config_json"}';
  if (field.enum !== undefined) return 1;
  switch (field.message?.typeName) {
    case undefined:
      break;
    case 'google.protobuf.Timestamp':
      return '2026-11-28T00:00:00Z';
    case 'google.protobuf.Duration':
      return '60s';
    default:
      return filled(field.message as DescMessage, `${path}.`);
  }
  switch (field.scalar) {
    case ScalarType.STRING:
      return `mark-${path}`;
    case ScalarType.BOOL:
      return true;
    default:
      return 1;
  }
}
