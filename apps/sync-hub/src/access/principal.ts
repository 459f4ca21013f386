import { type Grants, matches } from './grants.ts';
import type { Lifetime } from './lifetime.ts';
import { ANONYMOUS_PERMISSIONS, PERMISSIONS, type Permission, permissionsOf, type Role } from './permissions.ts';

/**
 * How a caller is known:
 *
 * - `socket`: it opened the hub's Unix socket, which only the hub's own user can.
 * - `token`, `jwt`, `certificate`: by that credential.
 * - `anonymous`: by none, at a hub of `hms-sync dev`.
 * - `open`: by none, at a hub without authentication.
 * - `unknown`: by none that is valid, where a probe needs none.
 */
export type PrincipalKind = 'socket' | 'token' | 'jwt' | 'certificate' | 'anonymous' | 'open' | 'unknown';

/** Who makes a request. Each request has exactly one. */
export interface Principal {
  readonly kind: PrincipalKind;
  /** For logs and the audit log. */
  readonly name: string;
  /** Undefined for `anonymous`. */
  readonly role: Role | undefined;
  readonly grants: Grants;
  /** Which credential it was, without anything secret: the id of a token. Empty for a caller without one. */
  readonly credential: string;
  /** Undefined: it does not expire. */
  readonly expiresAtMs: number | undefined;
  /** Of the credential: streams of the principal end with it. Undefined: for as long as the hub runs. */
  readonly lifetime: Lifetime | undefined;
}

/** Who opened the hub's socket. */
export const SOCKET_PRINCIPAL: Principal = Object.freeze({
  ...{ kind: 'socket', name: 'local', role: 'admin', grants: { ackDetails: true } },
  ...{ credential: '', expiresAtMs: undefined, lifetime: undefined },
});

/** Whoever calls a hub without authentication. */
export const OPEN_PRINCIPAL: Principal = Object.freeze({ ...SOCKET_PRINCIPAL, kind: 'open', name: 'anyone' });

/** Who calls a hub of `hms-sync dev` without a credential. */
export const ANONYMOUS_PRINCIPAL: Principal = Object.freeze({
  ...SOCKET_PRINCIPAL,
  ...{ kind: 'anonymous', name: 'anonymous', role: undefined, grants: {} },
});

/** Who showed no valid credential, where none is needed. */
export const UNKNOWN_PRINCIPAL: Principal = Object.freeze({ ...ANONYMOUS_PRINCIPAL, kind: 'unknown', name: 'unknown' });

/** Whether the principal's role has a permission. */
export function permits({ kind, role }: Principal, permission: Permission): boolean {
  if (kind === 'unknown') return false;
  if (role === undefined) return ANONYMOUS_PERMISSIONS.includes(permission);
  return (PERMISSIONS[permission] as readonly Role[]).includes(role);
}

/** What the principal may do, sorted. */
export function permissionsOfPrincipal({ role }: Principal): readonly Permission[] {
  return role === undefined ? [...ANONYMOUS_PERMISSIONS].sort() : permissionsOf(role);
}

/** Whether an event is one that the principal may see: a publisher sees what it could have published. */
export function seesEvent({ grants }: Principal, { source, key }: { source: string; key: string }): boolean {
  return matches(grants.sources, source) && matches(grants.keys, key);
}

/** Whether what concerns an adapter is for the principal. */
export function seesAdapter({ grants }: Principal, adapter: string): boolean {
  return grants.adapters === undefined || grants.adapters.includes(adapter);
}

/** The principal as the journal keeps it with the events that it publishes: kind and name, at most 128 characters. */
export function publisherOf({ kind, name }: Principal): string {
  return `${kind} ${name}`.slice(0, 128).toWellFormed();
}

/** Whether acks carry what external systems answered. */
export function seesAckDetails({ role, grants }: Principal): boolean {
  return (role !== 'publisher' && role !== undefined) || grants.ackDetails === true;
}
