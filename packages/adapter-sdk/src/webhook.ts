import { z } from 'zod';
import { secret } from './config-schema.ts';
import type { PushContext } from './context.ts';
import { type DefinedAdapter, defineAdapter } from './definition.ts';
import type { DeliverySettings } from './delivery.ts';
import type { AdapterEvent } from './event.ts';
import { eventAsJson } from './event-json.ts';
import type { HttpPool } from './http/pool.ts';

// Named by the declaration of every adapter that is made here.
export type { DefinedAdapter } from './definition.ts';
export type { HttpPool } from './http/pool.ts';

/** What differs between adapters that post each event to one URL. */
export interface WebhookOptions {
  /** Where events are posted, below the base URL: `/changes`. */
  readonly path: string;
  /** The event types that it accepts. Absent: all. */
  readonly accepts?: readonly string[];
  /** Absent: 8 at a time, 10 s each. */
  readonly delivery?: Partial<DeliverySettings>;
  /**
   * The body of the request, as JSON. Absent: {@link eventAsJson}, which is
   * `{"type", "payload", "id", "source", "key", "time"}`. Throw `InvalidEvent` for an event that it cannot be made of.
   */
  body?(event: AdapterEvent, context: PushContext<HttpPool>): string | Uint8Array;
}

/** The configuration of a {@link webhookAdapter}. */
export interface WebhookConfig {
  readonly baseUrl: string;
  readonly token?: string | undefined;
  readonly signingSecret?: string | undefined;
}

const CONFIG = z.strictObject({
  baseUrl: z
    .url({ protocol: /^https?$/, error: 'give an http or https address, such as https://system.example/hms' })
    .describe('Base URL of the system, http or https, such as `https://system.example/hms`'),
  token: secret(z.string().min(1, 'give the token, or leave the field out'))
    .optional()
    .describe('Sent as bearer token; absent: none is sent'),
  signingSecret: secret(z.string().regex(/^whsec_[A-Za-z0-9+/]+={0,2}$/, 'give whsec_ followed by base64'))
    .optional()
    .describe('`whsec_…`: signs each request by Standard Webhooks; absent: requests are not signed'),
});

/**
 * An adapter that posts each event to one URL, with an idempotency key, a bearer token and a signature:
 *
 * ```ts
 * export default webhookAdapter({ path: '/changes' });
 * ```
 *
 * The receipt is the answer's text. What each status means is said by {@link receiptOf}.
 */
export function webhookAdapter({
  path,
  body = eventAsJson,
  ...settings
}: WebhookOptions): DefinedAdapter<WebhookConfig, HttpPool> {
  return defineAdapter({
    ...settings,
    config: CONFIG,
    open: ({ config: { baseUrl, token, signingSecret }, http }) => http.pool(baseUrl, { token, signingSecret }),
    check: (pool, context) => pool.check(context),
    push: (event, context) => context.resource.post(path, body(event, context), context),
    close: (pool) => pool.close(),
  });
}
