import type { EventFields } from '../event.ts';
import type { SeenRequest } from './exchange.ts';

/** Where a system reads the idempotency key, unless the kit sets it. */
export const IDEMPOTENCY_DEFAULT = 'header:idempotency-key';

/**
 * Identifies the effect of a write: two writes with the same id have one effect. The id is the idempotency key (where the
 * kit declares it) and the URL; for PUT and DELETE without a key, which are idempotent, the URL. Any other write has its own
 * effect.
 *
 * @param nth the id of such a write.
 */
export function effectIdOf(request: SeenRequest, idempotency: string, nth: number): string {
  const key = keyIn(request, idempotency);
  if (key !== undefined && key !== '') return `key ${key} at ${request.method} ${request.path}`;
  if (request.method === 'PUT' || request.method === 'DELETE') return `${request.method} ${request.path}`;
  return `write ${nth}`;
}

/** Whether two of these requests have one idempotency key but contain different events: a system would drop the second. */
export function isKeyShared(
  requests: readonly SeenRequest[],
  { idempotency, events }: { readonly idempotency: string; readonly events: readonly EventFields[] },
): boolean {
  const named = new Map<string, readonly EventFields[]>();
  for (const request of requests) {
    const key = keyIn(request, idempotency);
    const text = `${request.path} ${request.body}`;
    const about = events.filter((event) => text.includes(event.key) || text.includes(event.id));
    if (key === undefined || about.length === 0) continue;
    const before = named.get(key) ?? about;
    if (!about.some((event) => before.includes(event))) return true;
    named.set(key, before);
  }
  return false;
}

/** The idempotency key of a request, at the place that the kit declares. */
export function keyIn({ headers, body }: SeenRequest, idempotency: string): string | undefined {
  if (idempotency.startsWith('header:')) {
    const value = headers[idempotency.slice('header:'.length).toLowerCase()];
    return Array.isArray(value) ? value.join(',') : value;
  }
  const names = idempotency.slice('body:/'.length).split('/');
  const value = names.reduce<unknown>(
    (at, name) =>
      typeof at === 'object' && at !== null
        ? Reflect.get(at, name.replaceAll('~1', '/').replaceAll('~0', '~'))
        : undefined,
    json(body),
  );
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
