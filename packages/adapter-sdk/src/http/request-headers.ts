import { Misconfigured } from '../adapter-error.ts';
import { http } from './node-http.ts';

/** Headers of a request, names in any case. */
export type Headers = Readonly<Record<string, string>>;

/** The headers that every request of a pool carries, names in lower case. */
export function poolHeaders(options: { headers: Headers; token: string | undefined; userAgent: string }): Headers {
  const headers: Record<string, string> = { 'user-agent': options.userAgent };
  for (const [name, value] of Object.entries(options.headers)) {
    assertSendable(name, value);
    headers[name.toLowerCase()] = value;
  }
  if (options.token === undefined) return headers;
  // RFC 6750 allows fewer characters, but real tokens contain more.
  if (!/^[\x21-\x7e]+$/.test(options.token)) {
    throw new Misconfigured('token must be visible ASCII without spaces; look for a line break at its end', {
      path: 'token',
    });
  }
  return { ...headers, authorization: `Bearer ${options.token}` };
}

function assertSendable(name: string, value: string): void {
  try {
    http.validateHeaderName(name);
    http.validateHeaderValue(name, value);
  } catch {
    // Node's own message repeats the value, which may be a credential.
    throw new Misconfigured('headers has a name or a value that is not valid in HTTP', { path: 'headers' });
  }
}
