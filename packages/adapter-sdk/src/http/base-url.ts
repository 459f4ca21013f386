import { Misconfigured } from '../adapter-error.ts';

/** The parts of a base URL. */
export interface BaseUrl {
  /** Such as `https://billing.example:8443`. */
  readonly origin: string;
  /** The prefix of every path, without a trailing slash; may be empty. */
  readonly pathPrefix: string;
}

/**
 * Parses a base URL.
 *
 * @throws Misconfigured, without repeating the URL, which may contain credentials.
 */
export function parseBaseUrl(baseUrl: string): BaseUrl {
  if (!URL.canParse(baseUrl)) refuse('is not a URL; write one such as https://billing.example/api');
  const url = new URL(baseUrl);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') refuse('must begin with http:// or https://');
  if (url.username !== '' || url.password !== '') refuse('must not contain a user or password; use the token');
  if (url.search !== '' || url.hash !== '') refuse('must not have a query or a fragment');
  return { origin: url.origin, pathPrefix: url.pathname.replace(/\/+$/, '') };
}

function refuse(what: string): never {
  throw new Misconfigured(`baseUrl ${what}`, { path: 'baseUrl' });
}
