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
 * What the stand-in does with a request. `hang` never answers. What is about `writes` answers reads as it should: `hold`
 * answers writes once the promise resolves, `hang` with `only` never answers them, `chaos` answers them late and fails some.
 */
export type Behaviour =
  | { readonly kind: 'answer'; readonly answer: StandInAnswer }
  | { readonly kind: 'echo'; readonly answer: StandInAnswer }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang'; readonly only?: 'writes' }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  | ({ readonly kind: 'chaos' } & Chaos);

/** How a system behaves on a bad day. */
export interface Chaos {
  /** Each write is answered so much later. */
  readonly latencyMs: number;
  /** The share of writes that are answered 503, 0 to 1. */
  readonly failShare: number;
}

/** A write that was answered. */
export interface AnsweredWrite {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  /** True: it failed by `chaos`. */
  readonly chaos: boolean;
}

/** What the stand-in needs to know of the system that it stands in for. */
export interface StandInOptions {
  /** What it answers when all is well. Absent: 200 with `{"status":"ok"}`. */
  readonly answer?: StandInAnswer | undefined;
  /** Where it reads the idempotency key; see `Kit.idempotency`. Absent: the header `idempotency-key`. */
  readonly idempotency?: string | undefined;
  /** What reads beside GET and HEAD; see `Kit.reads`. Absent: nothing. */
  readonly reads?: readonly ReadRequest[] | undefined;
  /** Called for each write when it is answered. */
  readonly onWrite?: ((write: AnsweredWrite) => void) | undefined;
  /** Draws a number from 0 to below 1 for each write in `chaos`. Absent: `Math.random`. */
  readonly random?: (() => number) | undefined;
}

/** The answer to a write that fails by chaos. */
const CHAOS: StandInAnswer = { status: 503, body: { status: 'error', message: 'chaos' } };

/**
 * A system on 127.0.0.1 that takes every write and fails on demand. Requests are writes unless their method is one that
 * reads, or the kit says that they do; a write that was answered 2xx took effect, once for each idempotency key. A read
 * whose address holds the id of an event finds what was written of it, or 404, and a read of an address that was written by
 * PUT finds that: so an adapter can look before it writes. Each has an ETag. Requests for OAuth client credentials are
 * given a token and are no writes.
 */
export interface StandIn extends AsyncDisposable {
  readonly url: string;
  /** From now on, for requests that come. */
  behave(behaviour: Behaviour): void;
  /** As it should. */
  behaveWell(): void;
  /** Ids that a GET may ask for. */
  know(...ids: readonly string[]): void;
  /** Stops remembering requests, which would fill the memory that is being measured. */
  forgetRequests(): void;
  /** Writes, answered or not. */
  readonly writes: readonly SeenRequest[];
  /** What took effect: the writes that were answered 2xx, by the identity of their effect. */
  readonly effects: ReadonlyMap<string, readonly SeenRequest[]>;
  /** How many requests were broken off by the adapter before they were answered. */
  readonly brokenOff: number;
  /** Resolves when so many writes came, or `false` after the time. */
  wrote(count: number, withinMs: number): Promise<boolean>;
  /** Resolves when so many requests were broken off, or `false` after the time. */
  brokeOff(count: number, withinMs: number): Promise<boolean>;
}

/** Starts a stand-in: for the kit, and for an author's own tests. Dispose of it at the end: `await using`. */
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
        // Systems do say in their errors what they were sent, credentials included.
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
      // The server keeps the process alive; the timer is not to be taken for one that the adapter left.
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

/** Given to whoever asks for OAuth client credentials. */
const TOKEN = { access_token: 'stand-in-token', token_type: 'Bearer', expires_in: 300 };

/** Methods that change nothing, as their specifications have it: RFC 9110, WebDAV, and HTTP's own QUERY. */
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'QUERY', 'SEARCH', 'PROPFIND', 'REPORT']);

/** What the kit says of a request that it counts among the reads. */
function readRuleOf({ method, path, body }: SeenRequest, reads: readonly ReadRequest[]): ReadRequest | undefined {
  return reads.find(({ request, holding = '' }) => `${method} ${path}`.startsWith(request) && body.includes(holding));
}

/** Whether a request asks, and changes nothing: by its method, or because the kit says so. */
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
