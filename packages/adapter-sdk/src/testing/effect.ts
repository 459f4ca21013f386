import type { SeenRequest } from './stand-in.ts';

/**
 * By what a system that is asked twice knows that it was asked twice: the idempotency key where the kit says it is; for
 * PUT and DELETE, which are idempotent by HTTP itself, their address. Any other write is an effect of its own.
 *
 * @param nth tells such effects apart.
 */
export function effectIdOf(request: SeenRequest, idempotency: string, nth: number): string {
  const key = keyIn(request, idempotency);
  if (key !== undefined && key !== '') return `key ${key}`;
  if (request.method === 'PUT' || request.method === 'DELETE') return `${request.method} ${request.path}`;
  return `write ${nth}`;
}

function keyIn({ headers, body }: SeenRequest, idempotency: string): string | undefined {
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
