import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ANONYMOUS_PERMISSIONS, PERMISSIONS, type Permission, ROLES, type Role } from '../../access/permissions.ts';
import { EVERY_RPC, neededFor } from './rpc-permissions.ts';

const page = readFileSync(new URL('../../../../../docs/security.md', import.meta.url), 'utf8');

describe('the table of docs/security.md', () => {
  it('is what the hub enforces, rpc by rpc', () => {
    const rows = page.split('\n').filter((line) => /^\| `[\w.]+\/\w+` \|/.test(line));
    expect(rows).toEqual(
      EVERY_RPC.map(({ service, rpc, localName }) => row(`${service}/${rpc}`, neededFor(service, localName))),
    );
  });

  it('is what the hub enforces on plain HTTP', () => {
    const rows = page.split('\n').filter((line) => /^\| `(?:POST|GET) /.test(line));
    expect(rows).toEqual([row('POST /sync', 'events.publish'), row('GET /healthz', 'nothing')]);
  });
});

describe('an rpc without a line', () => {
  it.each([
    ['hms.sync.v1.AdminService', 'newRpc'],
    ['hms.sync.v1.NewService', 'publish'],
    ['hms.sync.v1.AdminService', 'constructor'],
    ['__proto__', 'toString'],
  ])('needs what nobody has: %s/%s', (service, rpc) => {
    expect(neededFor(service, rpc)).toBeUndefined();
  });
});

function row(name: string, needed: ReturnType<typeof neededFor>): string {
  const roles = ROLES.map((role) => cell(needed, role));
  return `| \`${name}\` | ${needed} | ${[cell(needed, undefined), ...roles].join(' | ')} |`;
}

function cell(needed: ReturnType<typeof neededFor>, role: Role | undefined): string {
  if (needed === undefined) return '-';
  if (needed === 'nothing' || needed === 'credential') return 'yes';
  return permitted(needed, role) ? (narrowedBy(needed, role) ?? 'yes') : '-';
}

function permitted(permission: Permission, role: Role | undefined): boolean {
  if (role === undefined) return ANONYMOUS_PERMISSIONS.includes(permission);
  return (PERMISSIONS[permission] as readonly Role[]).includes(role);
}

/** What of it: a publisher has its own events, an adapter-operator its own adapters. */
function narrowedBy(permission: Permission, role: Role | undefined): string | undefined {
  if (permission === 'health.read') return undefined;
  if (role === 'publisher') return 'own events';
  return role === 'adapter-operator' ? 'own adapters' : undefined;
}
