import type { IncomingMessage } from 'node:http';

/** Why a request is not for this hub, or must not be made. */
export interface Unwelcome {
  readonly status: 400 | 403 | 421;
  /** Human-readable: what was wrong, where, what to do. */
  readonly message: string;
}

export interface OwnNamesOptions {
  /** The names and addresses that the hub listens on. */
  readonly hosts: readonly string[];
  readonly port: number;
  /** What the port speaks. Default: http. */
  readonly scheme?: 'http' | 'https';
  /** Where else callers find it, such as `https://hub.clinic.example`. */
  readonly publicUrls?: readonly string[];
}

const LOOPBACK = ['localhost', '127.0.0.1', '[::1]'];
/** Whoever calls with Fetch Metadata says where the page is from; a page of ours, or nobody's. */
const OWN_SITES: ReadonlySet<string> = new Set(['same-origin', 'none']);

/** A name, an IPv4 address or an IPv6 address in brackets, perhaps with a port: no user, no path, nothing encoded. */
const AUTHORITY = /^(\[[0-9a-f:.]{2,45}\]|[a-z0-9_][a-z0-9_.-]{0,254})(?::([1-9]\d{0,4}))?$/;
const ABSOLUTE_TARGET = /^https?:\/\/([^/?#]*)(.*)$/is;

/**
 * The names of this hub, and the judgement by them: a request is welcome when it was made for one of them, and by no page
 * of another site. Without it a web page could call a hub that listens on loopback: from the browser on the same machine
 * (Origin, Sec-Fetch-Site), and by a name of the page's own that is made to mean 127.0.0.1 (Host, :authority).
 *
 * Own names are those of loopback and what the hub listens on, each with the port or none, and the configuration's
 * publicUrls.
 */
export class OwnNames {
  readonly #hosts: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;

  constructor({ hosts, port, scheme = 'http', publicUrls = [] }: OwnNamesOptions) {
    const names = [...LOOPBACK, ...hosts.map(nameOf)];
    const urls = publicUrls.map((url) => new URL(url));
    this.#hosts = new Set([
      ...names.flatMap((name) => [name, `${name}:${port}`]),
      // The port of the scheme may be said or not.
      ...urls.flatMap(({ host, hostname, protocol }) => [
        host,
        host === hostname ? `${host}:${portOf(protocol)}` : host,
      ]),
    ]);
    const usual = String(port) === portOf(`${scheme}:`);
    const ownOrigins = names.map((name) => `${scheme}://${name}${usual ? '' : `:${port}`}`);
    this.#origins = new Set([...ownOrigins, ...urls.map(({ origin }) => origin)]);
  }

  /** Why the request is not welcome; undefined when it is. */
  judge(request: IncomingMessage): Unwelcome | undefined {
    const said = saidOf(request);
    if (said === undefined) return MALFORMED;
    if (!this.#hosts.has(said)) return notOurs(said);
    const { origin, 'sec-fetch-site': site } = request.headers;
    const isOwnPage = origin === undefined || this.#origins.has(origin);
    return isOwnPage && (site === undefined || OWN_SITES.has(String(site))) ? undefined : FOREIGN;
  }
}

/**
 * The authority that a request was made for, in lower case. Undefined when it says none, one that is none, or not the
 * same each time: two that differ are read by a proxy in one way and by a hub in another.
 */
function saidOf(request: IncomingMessage): string | undefined {
  const hosts = request.rawHeaders.flatMap((name, index) =>
    index % 2 === 0 && name.toLowerCase() === 'host' ? [request.rawHeaders[index + 1] ?? ''] : [],
  );
  const { ':authority': authority } = request.headers;
  // A proxy asks for a whole URL (RFC 9112, 3.2.2).
  const [, target] = ABSOLUTE_TARGET.exec(request.url ?? '') ?? [];
  const said = [authority, target, ...hosts].flatMap((one) => (one === undefined ? [] : [String(one).toLowerCase()]));
  const [first] = said;
  const isOne = hosts.length <= 1 && new Set(said).size === 1;
  return first !== undefined && isOne && isAuthority(first) ? first : undefined;
}

/** The path and query of a request's target, which a proxy may have been asked for with its host. */
export function pathOfTarget(target: string): string {
  const [, , path] = ABSOLUTE_TARGET.exec(target) ?? [];
  return path === undefined ? target : path || '/';
}

function isAuthority(text: string): boolean {
  const [, name, port = '1'] = AUTHORITY.exec(text) ?? [];
  return name !== undefined && Number(port) <= 65_535;
}

/** An address as an authority says it. */
function nameOf(address: string): string {
  const name = address.toLowerCase();
  return name.includes(':') ? `[${name}]` : name;
}

function portOf(protocol: string): string {
  return protocol === 'https:' ? '443' : '80';
}

const MALFORMED: Unwelcome = {
  status: 400,
  message:
    'the request must name one host in its Host or :authority, such as localhost:7003: a name or an address, perhaps a port, and nothing else',
};

const FOREIGN: Unwelcome = {
  status: 403,
  message:
    'the request was made by a web page of another site (Origin or Sec-Fetch-Site); only pages of this hub may call it, by one of publicUrls in its configuration or by its own address',
};

function notOurs(authority: string): Unwelcome {
  const message = `this hub is not known as ${authority.slice(0, 128)}; call it by its address, or have an operator add that name to publicUrls in its configuration`;
  return { status: 421, message };
}
