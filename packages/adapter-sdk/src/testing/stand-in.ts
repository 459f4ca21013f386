import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { effectIdOf, IDEMPOTENCY_DEFAULT } from './effect.ts';
import type { ReadRequest, StandInAnswer } from './kit.ts';
import { isRead, readRuleOf } from './read-request.ts';

/** A request that the stand-in got, whole. */
export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * What the stand-in does with a request. `hang` never answers. What is about `writes` answers reads as it should: `hold`
 * answers writes once the promise resolves, `hang` with `only` never answers them.
 */
export type Behaviour =
  | { readonly kind: 'answer'; readonly answer: StandInAnswer }
  | { readonly kind: 'echo'; readonly answer: StandInAnswer }
  | { readonly kind: 'reset' }
  | { readonly kind: 'hang'; readonly only?: 'writes' }
  | { readonly kind: 'hold'; readonly until: Promise<unknown> };

/** What the stand-in needs to know of the system that it stands in for. */
export interface StandInOptions {
  /** What it answers when all is well. Absent: 200 with `{"status":"ok"}`. */
  readonly answer?: StandInAnswer | undefined;
  /** Where it reads the idempotency key; see `Kit.idempotency`. Absent: the header `idempotency-key`. */
  readonly idempotency?: string | undefined;
  /** What reads beside GET and HEAD; see `Kit.reads`. Absent: nothing. */
  readonly reads?: readonly ReadRequest[] | undefined;
}

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
}: StandInOptions = {}): Promise<StandIn> {
  const well: Behaviour = { kind: 'answer', answer };
  let behaviour: Behaviour = well;
  let remembering = true;
  let brokenOff = 0;
  let writes: SeenRequest[] = [];
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

  const reply = (response: ServerResponse, seen: SeenRequest, { status, headers, body }: StandInAnswer, tail = '') => {
    takeEffect(seen, status);
    const text = typeof body === 'string' ? body : JSON.stringify(body ?? {});
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(`${text}${tail}`);
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

  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const seen = await seenRequest(request);
    if (seen === undefined) return;
    if (isTokenRequest(seen)) return void response.end(tokenAnswer);
    const reading = isRead(seen, reads);
    if (!reading && remembering) {
      writes = [...writes, seen];
      changed();
    }
    response.once('close', () => {
      if (response.writableFinished) return;
      brokenOff += 1;
      changed();
    });
    const now = behaviour;
    const asShould = now === well || now.kind === 'hold' || (now.kind === 'hang' && now.only === 'writes');
    if (reading && asShould) return reply(response, seen, answerRead(seen));
    switch (now.kind) {
      case 'answer':
        return reply(response, seen, now.answer);
      case 'echo':
        // Systems do say in their errors what they were sent, credentials included.
        return reply(response, seen, now.answer, ` ${seen.body} ${JSON.stringify(seen.headers)}`);
      case 'reset':
        return void request.socket.resetAndDestroy();
      case 'hang':
        return;
      case 'hold':
        await now.until;
        return reply(response, seen, answer);
      default:
        now satisfies never;
    }
  };

  const server = createServer((request, response) => void receive(request, response));
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
      writes = [];
      effects.clear();
      known.clear();
    },
    get writes() {
      return writes;
    },
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

const tokenAnswer = JSON.stringify({ access_token: 'stand-in-token', token_type: 'Bearer', expires_in: 300 });

/** Undefined when it was broken off half-way. */
async function seenRequest(request: IncomingMessage): Promise<SeenRequest | undefined> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk);
  } catch {
    return undefined;
  }
  const { method = '', url: path = '', headers } = request;
  return { method, path, headers, body: Buffer.concat(chunks).toString() };
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
