import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { effectIdOf, IDEMPOTENCY_DEFAULT } from './effect.ts';
import { type Exchange, exchanges, type SeenRequest, type StandInAnswer } from './exchange.ts';
import type { ReadRequest } from './kit.ts';

export { Exchange, type ExchangeOptions, exchanges, type SeenRequest, type StandInAnswer } from './exchange.ts';
export { type BadConfig, DEFAULT_EVENTS, type Kit, type ReadRequest, readKit, type SampleEvent } from './kit.ts';
export { filled, type Placeholders } from './template.ts';

/**
 * How the stand-in responds. `hang` never answers. Some apply only to writes: `hold` answers writes when the promise
 * resolves, `hang` with `only` never answers them, `chaos` delays them and fails some.
 */
export type Behaviour =
  | { readonly kind: 'answer'; readonly answer: StandInAnswer }
  | { readonly kind: 'echo'; readonly answer: StandInAnswer }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang'; readonly only?: 'writes' }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  | ({ readonly kind: 'chaos' } & Chaos);

/** Random faults. */
export interface Chaos {
  /** The delay of each response to a write. */
  readonly latencyMs: number;
  /** The share of writes that are answered with 503, 0 to 1. */
  readonly failShare: number;
}

/** A write that was answered. */
export interface AnsweredWrite {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** True: it failed because of `chaos`. */
  readonly chaos: boolean;
}

/** Options of a stand-in. */
export interface StandInOptions {
  /** Its response without faults. Absent: 200 with `{"status":"ok"}`. */
  readonly answer?: StandInAnswer | undefined;
  /** Where it reads the idempotency key; see `Kit.idempotency`. Absent: the header `idempotency-key`. */
  readonly idempotency?: string | undefined;
  /** Further requests that only read; see `Kit.reads`. Absent: none. */
  readonly reads?: readonly ReadRequest[] | undefined;
  /** Called for each answered write. */
  readonly onWrite?: ((write: AnsweredWrite) => void) | undefined;
  /** The random numbers of `chaos`, from 0 to below 1. Absent: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The response to a write that fails because of `chaos`. */
const CHAOS: StandInAnswer = { status: 503, body: { status: 'error', message: 'chaos' } };

/**
 * A simulated system on 127.0.0.1 that accepts every write and fails on demand.
 *
 * Requests are writes, unless their method is safe or the kit declares them as reads. A write that was answered with 2xx
 * has one effect per idempotency key. A read whose URL contains the id of an event returns what was written for it, or 404;
 * a read of a URL that was written with PUT returns that. Each read has an ETag. OAuth token requests are answered with a
 * token and are not writes.
 */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** Sets the behaviour for later requests. */
  behave(behaviour: Behaviour): void;
  /** Ends a fault. */
  behaveWell(): void;
  /** Declares ids that a GET may ask for. */
  know(...ids: readonly string[]): void;
  /** Stops keeping requests, which would grow the memory that is measured. */
  forgetRequests(): void;
  /** Writes, answered or not. */
  readonly writes: readonly SeenRequest[];
  /** The writes that were answered with 2xx, by the id of their effect. */
  readonly effects: ReadonlyMap<string, readonly SeenRequest[]>;
  /** How many requests the adapter aborted before they were answered. */
  readonly brokenOff: number;
  /** Resolves to true when at least `count` writes arrived, or to false after the time. */
  wrote(count: number, withinMs: number): Promise<boolean>;
  /** Resolves to true when at least `count` requests were aborted, or to false after the time. */
  brokeOff(count: number, withinMs: number): Promise<boolean>;
}

/** Starts a stand-in, for the kit and for your own tests. Dispose of it at the end: `await using`. */
export async function startStandIn({
  answer = { status: 200, body: { status: 'ok' } },
  idempotency = IDEMPOTENCY_DEFAULT,
  reads = [],
  onWrite = () => {},
  random = Math.random,
}: StandInOptions = {}): Promise<StandIn> {
  const well: Behaviour = { kind: 'answer', answer };
  let behaviour: Behaviour = well;
  let remembering = true;
  let brokenOff = 0;
  const writes: SeenRequest[] = [];
  const effects = new Map<string, SeenRequest[]>();
  const known = new Set<string>();
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const check of waiting) check();
  };

  const takeEffect = (seen: SeenRequest, status: number) => {
    if (!remembering || isRead(seen, reads) || status < 200 || status > 299) return;
    const id = effectIdOf(seen, idempotency, effects.size);
    effects.set(id, [...(effects.get(id) ?? []), seen]);
  };

  const reply = (exchange: Exchange, given: StandInAnswer, tail = '') => {
    const { status, headers, body } = given;
    const { request } = exchange;
    takeEffect(request, status);
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    exchange.answer({ status, ...(headers && { headers }), body: `${text}${tail}` });
    if (!isRead(request, reads))
      onWrite({ method: request.method, path: request.path, status, chaos: given === CHAOS });
  };

  const written = (seen: SeenRequest): SeenRequest | undefined => {
    const taken = [...effects.values()].flat().reverse();
    const asked = idsIn(seen);
    const names = ({ path, headers, body }: SeenRequest) => {
      const text = JSON.stringify([path, headers, body]);
      return asked.some((id) => text.includes(id));
    };
    return taken.find((write) =>
      asked.length > 0 ? names(write) : write.method === 'PUT' && write.path === seen.path,
    );
  };

  const idsIn = ({ path }: SeenRequest) => [...known].filter((id) => decoded(path).includes(id));

  const answerRead = (seen: SeenRequest): StandInAnswer => {
    const rule = readRuleOf(seen, reads)?.answer;
    if (rule !== undefined) return rule;
    const write = written(seen);
    const headers = { ...answer.headers, etag: `"${effects.size}"` };
    if (write !== undefined) return { status: 200, headers, body: write.body };
    return idsIn(seen).length > 0 ? { status: 404 } : { ...answer, headers };
  };

  const receive = async (exchange: Exchange) => {
    const seen = exchange.request;
    if (isTokenRequest(seen)) return exchange.answer({ status: 200, body: TOKEN });
    const reading = isRead(seen, reads);
    if (!reading && remembering) {
      writes.push(seen);
      changed();
    }
    exchange.onEnd((status) => {
      if (status !== undefined) return;
      brokenOff += 1;
      changed();
    });
    const now = behaviour;
    const isWell = now === well || now.kind === 'chaos' || now.kind === 'hold';
    if (reading && (isWell || (now.kind === 'hang' && now.only === 'writes'))) return reply(exchange, answerRead(seen));
    switch (now.kind) {
      case 'answer':
        return reply(exchange, now.answer);
      case 'echo':
        // Some systems repeat the request in their errors, credentials included.
        return reply(exchange, now.answer, ` ${seen.body} ${JSON.stringify(seen.headers)}`);
      case 'reset':
        return exchange.reset();
      case 'hang':
        return;
      case 'hold':
        await now.until;
        return reply(exchange, answer);
      case 'chaos': {
        const given = random() < now.failShare ? CHAOS : answer;
        return exchange.after(now.latencyMs, () => reply(exchange, given));
      }
      default:
        now satisfies never;
    }
  };

  const server = createServer(exchanges(receive));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const until = (reached: () => boolean, withinMs: number) =>
    new Promise<boolean>((resolve) => {
      const done = (value: boolean) => {
        clearTimeout(timer);
        waiting.delete(check);
        resolve(value);
      };
      const check = () => reached() && done(true);
      // unref: it must not count as a timer that the adapter left open.
      const timer = setTimeout(() => done(false), withinMs).unref();
      waiting.add(check);
      check();
    });

  return {
    url: `http://127.0.0.1:${port}`,
    behave: (next) => {
      behaviour = next;
    },
    behaveWell: () => {
      behaviour = well;
    },
    know: (...ids) => {
      for (const id of ids) known.add(id);
    },
    forgetRequests: () => {
      remembering = false;
      writes.length = 0;
      effects.clear();
      known.clear();
    },
    writes,
    effects,
    get brokenOff() {
      return brokenOff;
    },
    wrote: (count, withinMs) => until(() => writes.length >= count, withinMs),
    brokeOff: (count, withinMs) => until(() => brokenOff >= count, withinMs),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** The response to an OAuth token request. */
const TOKEN = { access_token: 'stand-in-token', token_type: 'Bearer', expires_in: 300 };

/** Safe methods of RFC 9110, WebDAV and HTTP QUERY. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT']);

/** The rule by which the kit declares a request as a read. */
function readRuleOf({ method, path, body }: SeenRequest, reads: readonly ReadRequest[]): ReadRequest | undefined {
  return reads.find(({ request, holding = '' }) => `${method} ${path}`.startsWith(request) && body.includes(holding));
}

/** Whether a request changes nothing: by its method, or by a rule of the kit. */
function isRead(seen: SeenRequest, reads: readonly ReadRequest[]): boolean {
  return SAFE_METHODS.has(seen.method) || readRuleOf(seen, reads) !== undefined;
}

function isTokenRequest({ headers, body }: SeenRequest): boolean {
  const isForm = headers['content-type']?.startsWith('application/x-www-form-urlencoded') === true;
  return isForm && new URLSearchParams(body).get('grant_type') === 'client_credentials';
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
