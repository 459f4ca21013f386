import { Misconfigured } from '../adapter-error.ts';

/** A base URL, taken apart. */
export interface BaseUrl {
  /** Such as `https://billing.example:8443`. */
  readonly origin: string;
  /** What stands before every path, without a slash at its end; empty when there is nothing. */
  readonly pathPrefix: string;
}

/**
 * Takes a base URL apart.
 *
 * @throws Misconfigured, without repeating the URL: people put credentials into URLs.
 */
export function parseBaseUrl(baseUrl: string): BaseUrl {
  if (!URL.canParse(baseUrl)) refuse('is no URL; give one such as https://billing.example/api');
  const url = new URL(baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') refuse('must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') refuse('must not hold a user or password; use the token');
  if (url.search !== '' || url.hash !== '') refuse('must not have a query or a fragment');
  return { origin: url.origin, pathPrefix: url.pathname.replace(/\/+$/, '') };
}

function refuse(what: string): never {
  throw new Misconfigured(`baseUrl ${what}`, { path: 'baseUrl' });
}
