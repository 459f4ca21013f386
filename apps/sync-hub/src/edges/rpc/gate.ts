import type { ContextValues, HandlerContext } from '@connectrpc/connect';
import type { Permission } from '../../access/permissions.ts';
import { type Principal, permits, UNKNOWN_PRINCIPAL } from '../../access/principal.ts';
import { RequestError } from '../request-error.ts';
import type { CallAudit } from './call-audit.ts';
import { CALLER, IDENTIFY } from './caller.ts';
import { toConnectError } from './connect-error.ts';
import { type Needed, neededFor } from './rpc-permissions.ts';

/**
 * Lets a call in, by who makes it and what its rpc needs, before a byte of its body is read.
 *
 * @param audit records who is not let in
 * @param onFault called with faults of the hub's own
 * @throws {ConnectError} CREDENTIAL_MISSING, CREDENTIAL_REFUSED, CREDENTIAL_EXPIRED, PERMISSION_DENIED
 */
export function createGate(
  audit: CallAudit,
  onFault: (error: unknown) => void,
): (context: HandlerContext) => Promise<void> {
  return async (context) => {
    const { values, service, method } = context;
    const needed = neededFor(service.typeName, method.localName);
    if (needed === 'nothing') return void values.set(CALLER, await known(values));
    try {
      const caller = await values.get(IDENTIFY)();
      values.set(CALLER, caller);
      requireNeeded(caller, needed);
    } catch (error) {
      const refusal = RequestError.of(error, onFault);
      await audit.refused(context, { needed, refusal });
      throw toConnectError(refusal);
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

/** A probe without a valid credential still learns whether the hub serves, and no more. */
async function known(values: ContextValues): Promise<Principal> {
  try {
    return await values.get(IDENTIFY)();
  } catch {
    return UNKNOWN_PRINCIPAL;
  }
}
