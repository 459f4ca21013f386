import { type ContextValues, createContextKey } from '@connectrpc/connect';
import type { Principal } from '../../access/principal.ts';

/** Finds out who makes a call, by its headers and connection. Throws, or rejects with, an AccessError. */
export const IDENTIFY = createContextKey<() => Principal | Promise<Principal>>(() => {
  throw new Error('a call came past the gate');
});

/** From where a call comes: an IP address, or "socket". */
export const ADDRESS = createContextKey('');

/** Who makes a call; set by the gate. */
export const CALLER = createContextKey<Principal | undefined>(undefined);

/** Who makes a call that the gate let through. */
export function callerOf(values: ContextValues): Principal {
  const caller = values.get(CALLER);
  if (caller === undefined) throw new Error('a call came past the gate');
  return caller;
}
