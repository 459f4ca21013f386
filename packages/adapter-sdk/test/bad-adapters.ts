import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import {
  type AdapterDefinition,
  type AdapterEvent,
  type DefinedAdapter,
  defineAdapter,
  eventAsJson,
  type HttpPool,
  isAdapterError,
  Misconfigured,
  Permanent,
  type PushContext,
  Retryable,
  secret,
} from '../src/index.ts';

const config = z.strictObject({ baseUrl: z.url(), token: secret(z.string().min(8)) });
type Definition = AdapterDefinition<z.infer<typeof config>, HttpPool>;
type Context = PushContext<HttpPool>;

const post = (event: AdapterEvent, context: Context) => context.resource.post('/changes', eventAsJson(event), context);

/** What is right with every adapter here but for one thing. */
const well: Definition = {
  config,
  open: ({ config: { baseUrl, token }, http }) => http.pool(baseUrl, { token }),
  check: (pool, context) => pool.check(context),
  push: post,
  close: (pool) => pool.close(),
};

/** An adapter that does all as it should. */
export const wellAdapter = (): DefinedAdapter => defineAdapter(well);

const but = (changes: Partial<Definition>): DefinedAdapter => defineAdapter({ ...well, ...changes } as Definition);

/** Posts, and throws `instead` when an error fits. */
const misjudging = (fits: (error: unknown) => boolean, instead: () => Error) =>
  but({
    push: (event, context) =>
      post(event, context).catch((error: unknown) => {
        throw fits(error) ? instead() : error;
      }),
  });

const hasCode = (pattern: RegExp) => (error: unknown) => isAdapterError(error) && pattern.test(error.code);

/** An adapter for each check of the kit that fails that check and no other. The manifest's lies in a package. */
export const badAdapters: Readonly<Record<string, () => DefinedAdapter>> = {
  configuration: () => but({ config: config.extend({ tenant: z.string() }) }),
  'bad-configuration': () =>
    but({
      // Takes anything, and finds out later.
      config: z.looseObject({}) as unknown as typeof config,
      open: ({ config: given, http }) => {
        const { success, data } = config.safeParse(given);
        if (!success) throw new Misconfigured('the configuration is wrong');
        return http.pool(data.baseUrl, { token: data.token });
      },
    }),
  'one-outcome': () =>
    but({
      pushBatch: async (events, contexts) => {
        const sent = events.map((event, index) => post(event, contexts[index] as Context));
        const outcomes = (await Promise.all(sent)).map((receipt) => ({ kind: 'delivered', receipt }) as const);
        return outcomes.slice(0, Math.max(outcomes.length - 1, 1));
      },
    }),
  duplicate: () => but({ push: (event, context) => post(event, { ...context, idempotencyKey: randomUUID() }) }),
  throttling: () => misjudging(hasCode(/^HTTP_429$/), () => new Retryable('busy')),
  'server-failure': () => misjudging(hasCode(/^HTTP_5/), () => new Permanent('failed')),
  refusal: () => misjudging(hasCode(/^HTTP_4(00|22)$/), () => new Retryable('refused')),
  credentials: () => misjudging(hasCode(/^HTTP_40[13]$/), () => new Permanent('refused')),
  reset: () => misjudging(hasCode(/^ECONNRESET$/), () => new Permanent('broken')),
  hang: () =>
    but({
      push: (event, context) =>
        post(event, context).catch((error: unknown) => {
          throw context.signal.aborted && context.remainingMs() < 100 ? new Permanent('took too long') : error;
        }),
    }),
  abort: () =>
    but({
      push: (event, context) =>
        post(event, { ...context, signal: AbortSignal.timeout(Math.ceil(context.remainingMs())) }),
    }),
  check: () => but({ check: () => [{ name: 'reach', ok: true, message: 'as always' }] }),
  privacy: () =>
    but({
      push: (event, context) => {
        context.log.warn('pushing', { event: event.json() });
        return post(event, context);
      },
    }),
  handles: () =>
    but({
      open: ({ config: { baseUrl, token }, http }) => {
        setInterval(() => undefined, 60_000);
        return http.pool(baseUrl, { token });
      },
    }),
  heap: () => {
    const seen: AdapterEvent[] = [];
    return but({
      push: (event, context) => {
        seen.push(event);
        return post(event, context);
      },
    });
  },
  drain: () => {
    // While one is on its way, a few are kept for later and reported as delivered.
    const kept: (() => Promise<unknown>)[] = [];
    let later = 0;
    let busy = false;
    return but({
      push: async (event, context) => {
        if (busy && later < 7) {
          later += 1;
          kept.push(() => post(event, { ...context, signal: new AbortController().signal }));
          return 'kept';
        }
        busy = true;
        try {
          return await post(event, context);
        } finally {
          busy = false;
          for (const send of kept.splice(0)) {
            setImmediate(() =>
              send()
                .catch(() => undefined)
                .then(() => {
                  later -= 1;
                }),
            );
          }
        }
      },
    });
  },
};

/** Other ways to leak what nobody should read. */
export const leakyAdapters: Readonly<Record<string, () => DefinedAdapter>> = {
  'a payload in an error': () =>
    but({
      push: (event, context) =>
        post(event, context).catch((error: unknown) => {
          const refused = isAdapterError(error) && error.kind === 'permanent';
          throw refused ? new Permanent(`refused: ${event.data.toString()}`) : error;
        }),
    }),
  'a secret that is not marked': () => {
    const unmarked = z.strictObject({ baseUrl: z.url(), token: z.string().min(8) });
    return but({
      config: unmarked,
      open: ({ config: { baseUrl, token }, http, log }) => {
        log.info(`using ${token}`);
        return http.pool(baseUrl, { token });
      },
    });
  },
  'a payload on the console': () =>
    but({
      push: (event, context) => {
        console.debug('pushing', event.json());
        return post(event, context);
      },
    }),
};
