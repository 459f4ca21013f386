import type { ReadRequest } from './kit.ts';
import type { SeenRequest } from './stand-in.ts';

/** Methods that change nothing, as their specifications have it: RFC 9110, WebDAV, and HTTP's own QUERY. */
const safeMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT']);

/** What the kit says of a request that it counts among the reads. */
export function readRuleOf(
  { method, path, body }: SeenRequest,
  reads: readonly ReadRequest[],
): ReadRequest | undefined {
  return reads.find(({ request, holding = '' }) => `${method} ${path}`.startsWith(request) && body.includes(holding));
}

/** Whether a request asks, and changes nothing: by its method, or because the kit says so. */
export function isRead(seen: SeenRequest, reads: readonly ReadRequest[]): boolean {
  return safeMethods.has(seen.method) || readRuleOf(seen, reads) !== undefined;
}
