import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { DescMethod } from '@bufbuild/protobuf';
import { ServerReflection } from '@hms-sync/proto/grpc/reflection/v1/reflection';
import { ServerReflection as ServerReflectionV1Alpha } from '@hms-sync/proto/grpc/reflection/v1alpha/reflection';
import { Health } from '@hms-sync/proto/health/v1/health';
import { AccessService, Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { AdminService } from '@hms-sync/proto/hms/sync/v1/admin_service';
import { AuditService } from '@hms-sync/proto/hms/sync/v1/audit_service';
import { HealthService } from '@hms-sync/proto/hms/sync/v1/health_service';
import { SyncService } from '@hms-sync/proto/hms/sync/v1/sync_service';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Hub } from '../hub.ts';
import { HubFolder } from '../hub-folder.ts';
import type { Wire } from '../transports/transport.ts';
import { callWire, pathOf } from '../wire.ts';
import { tokensBySocket } from './tokens.ts';

/** Nobody acts without a name: every rpc, over every protocol, with every kind of credential. */

const page = readFileSync(new URL('../../../docs/security.md', import.meta.url), 'utf8');
const services = [SyncService, HealthService, AdminService, AccessService, AuditService, Health, ServerReflection];
const methods = [...services, ServerReflectionV1Alpha].flatMap(({ methods }): readonly DescMethod[] => methods);

const WIRES: readonly Wire[] = [
  { protocol: 'grpc', codec: 'proto', httpVersion: '2' },
  { protocol: 'grpc-web', codec: 'proto', httpVersion: '2' },
  { protocol: 'connect', codec: 'proto', httpVersion: '2' },
  { protocol: 'connect', codec: 'json', httpVersion: '2' },
];
/** In the order of the table's columns; the first is who has no credential. */
const ROLES = ['none', 'publisher', 'viewer', 'operator', 'adapter-operator', 'auditor', 'admin'] as const;
const WRONG = ['wrong', 'mistyped', 'expired', 'revoked'] as const;

/** What the documentation promises: the cells of an rpc's row, by role. */
function promised({ parent, name }: DescMethod): ReadonlyMap<string, boolean> {
  const row = page.split('\n').find((line) => line.startsWith(`| \`${parent.typeName}/${name}\` |`));
  if (row === undefined) throw new Error(`docs/security.md has no row for ${parent.typeName}/${name}`);
  const cells = row.split('|').map((cell) => cell.trim());
  return new Map(ROLES.map((role, index) => [role, cells[3 + index] !== '-']));
}

let folder: HubFolder;
let hub: Hub;
const texts = new Map<string, string>();

beforeAll(async () => {
  folder = await HubFolder.create({ config: { auth: {} } });
  const first = await folder.start();
  const tokens = tokensBySocket(folder.path);
  const create = async (name: string, role: Role) => {
    const grants = role === Role.ADAPTER_OPERATOR ? { adapters: ['billing'] } : {};
    texts.set(name, await tokens.create({ name, role, grants }));
  };
  await create('publisher', Role.PUBLISHER);
  await create('viewer', Role.VIEWER);
  await create('operator', Role.OPERATOR);
  await create('adapter-operator', Role.ADAPTER_OPERATOR);
  await create('auditor', Role.AUDITOR);
  for (const name of ['admin', 'expired', 'revoked']) await create(name, Role.ADMIN);
  await tokens.access.revokeToken({ name: 'revoked', reason: 'test' });
  tokens.close();
  await first.stop();
  const database = new DatabaseSync(join(folder.path, '.hms-sync', 'access.db'));
  database.exec("UPDATE token SET expires_ms = 1 WHERE name = 'expired'");
  database.close();
  texts.set('wrong', 'letmein');
  texts.set('mistyped', `${texts.get('admin')?.slice(0, -1)}!`);
  hub = await folder.start();
});
afterAll(() => folder.remove());

/** How a call is refused by who makes it; undefined when it is let in. What is sent can be read by no rpc, so none acts. */
async function refusal(wire: Wire, method: DescMethod, credential: string): Promise<string | undefined> {
  const isFramed = method.methodKind !== 'unary' && wire.protocol === 'connect';
  const junk = Buffer.from(wire.codec === 'json' ? '{' : [0xff]);
  const text = texts.get(credential);
  const { error } = await callWire(hub.address, {
    ...{ wire, path: pathOf(method), message: junk },
    ...(isFramed && { contentType: `application/connect+${wire.codec}`, body: framed(junk) }),
    ...(text !== undefined && { headers: { authorization: `Bearer ${text}` } }),
  });
  const isByCaller =
    ['unauthenticated', 'permission_denied'].includes(error?.code ?? '') || error?.reason === 'CALLER_THROTTLED';
  return isByCaller ? error?.reason : undefined;
}

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.byteLength, 1);
  return Buffer.concat([head, message]);
}

describe.each(WIRES)('over $protocol in $codec', (wire) => {
  test.each(methods.map((method) => ({ name: `${method.parent.typeName}/${method.name}`, method })))(
    '$name is refused or allowed as docs/security.md says',
    async ({ method }) => {
      const before = await folder.journalDigest();
      const table = promised(method);
      const isOpen = [...table.values()].every((allowed) => allowed) && method.parent.typeName === Health.typeName;
      for (const role of ROLES) {
        // The column of the anonymous is that of `hms-sync dev`; this hub serves nobody without a credential.
        const expected =
          role === 'none'
            ? isOpen && method.name !== 'List'
              ? undefined
              : 'CREDENTIAL_MISSING'
            : table.get(role)
              ? undefined
              : 'PERMISSION_DENIED';
        expect([role, await refusal(wire, method, role)]).toEqual([role, expected]);
      }
      for (const credential of WRONG) {
        const refused = await refusal(wire, method, credential);
        if (isOpen && method.name !== 'List') expect(refused).toBeUndefined();
        else expect(refused).toMatch(/^(?:CREDENTIAL_REFUSED|CREDENTIAL_EXPIRED|CALLER_THROTTLED)$/);
      }
      expect(await folder.journalDigest()).toBe(before);
    },
  );
});
