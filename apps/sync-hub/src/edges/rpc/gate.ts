import type { HandlerContext } from '@connectrpc/connect';
import type { Permission } from '../../access/permissions.ts';
import { ANONYMOUS_PRINCIPAL, type Principal, permits } from '../../access/principal.ts';
import { RequestError } from '../request-error.ts';
import { CALLER, IDENTIFY } from './caller.ts';
import { toConnectError } from './connect-error.ts';
import { type Needed, neededFor } from './rpc-permissions.ts';

/**
 * Lets a call in, by who makes it and what its rpc needs, before a byte of its body is read.
 *
 * @param onFault called with faults of the hub's own
 * @throws {ConnectError} CREDENTIAL_MISSING, CREDENTIAL_REFUSED, CREDENTIAL_EXPIRED, PERMISSION_DENIED
 */
export function createGate(onFault: (error: unknown) => void): (context: HandlerContext) => Promise<void> {
  return async ({ values, service, method }) => {
    try {
      const needed = neededFor(service.typeName, method.localName);
      // Not even looked at: a probe with an old credential still learns whether the hub serves.
      if (needed === 'nothing') return void values.set(CALLER, ANONYMOUS_PRINCIPAL);
      const caller = await values.get(IDENTIFY)();
      requireNeeded(caller, needed);
      values.set(CALLER, caller);
    } catch (error) {
      throw toConnectError(RequestError.of(error, onFault));
    }
  };
}

/** @throws {RequestError} PERMISSION_DENIED */
export function requireNeeded(caller: Principal, needed: Needed | undefined): void {
  if (needed === undefined) throw denied(caller, 'a permission that nobody has: the hub does not list this rpc');
  if (needed === 'nothing' || needed === 'credential') return;
  requirePermission(caller, needed);
}

/** @throws {RequestError} PERMISSION_DENIED */
export function requirePermission(caller: Principal, permission: Permission): void {
  if (!permits(caller, permission)) throw denied(caller, permission);
}

function denied({ name, role }: Principal, permission: string): RequestError {
  const who = role === undefined ? 'a caller without a credential' : `${name} (${role})`;
  return new RequestError('PERMISSION_DENIED', `this needs ${permission}, which ${who} does not have`);
}
