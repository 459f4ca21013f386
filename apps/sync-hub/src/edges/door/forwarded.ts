import { isIP } from 'node:net';
import type { TrustedAddresses } from './trusted-addresses.ts';

/** Proxies behind each other; more are none that anybody runs. */
const PROXIES_MAX = 16;
/** The longest address with a port, and blanks around it. */
const ENTRY_MAX = 64;
/** With a port, an IPv6 address is in brackets; it may be without one too. */
const ENTRY = /^[ \t]*(?:\[([0-9a-f:.]+)\]|([0-9.]+)|([0-9a-f:.]+))(?::\d{1,5})?[ \t]*$/i;
const IPV4_IN_IPV6 = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The address that a request comes from, as the proxies in front of the hub say it in X-Forwarded-For: each appends the one
 * that it was called from. So it is read from its end, and only as far as those who wrote it are trusted: the rest may
 * be anything that the caller sent.
 *
 * @param peer the address of the connection
 * @param header undefined: there is none
 * @param proxies whose word is taken; undefined: nobody's
 * @returns the last of the addresses that is no proxy's, else the first proxy's; that of the connection unless it is a proxy
 */
export function forwardedAddress(
  peer: string,
  header: string | undefined,
  proxies: Pick<TrustedAddresses, 'trusts'> | undefined,
): string {
  let address = peer;
  let rest = header ?? '';
  for (let hop = 0; hop < PROXIES_MAX && rest !== '' && proxies?.trusts(address); hop++) {
    const comma = rest.lastIndexOf(',');
    const named = addressIn(rest.slice(comma + 1));
    // A proxy that does not say by whom it was called stands for its callers.
    if (named === undefined) break;
    address = named;
    rest = rest.slice(0, Math.max(0, comma));
  }
  return address;
}

/** Undefined: it holds none. */
function addressIn(entry: string): string | undefined {
  const [, bracketed, v4, v6] = (entry.length <= ENTRY_MAX && ENTRY.exec(entry)) || [];
  const address = bracketed ?? v4 ?? v6 ?? '';
  const family = isIP(address);
  if (family === 0 || (family === 6) !== (v4 === undefined)) return undefined;
  return IPV4_IN_IPV6.exec(address)?.[1] ?? address;
}
