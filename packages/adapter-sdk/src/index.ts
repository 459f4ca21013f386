export {
  type AdapterErrorData,
  type AdapterErrorOptions,
  InvalidEvent,
  isAdapterError,
  Misconfigured,
  type MisconfiguredOptions,
  Permanent,
  Retryable,
  type RetryOptions,
  Throttled,
  type ThrottledOptions,
  Unauthorized,
} from './adapter-error.ts';
export type { AdapterLog, LogFields } from './adapter-log.ts';
export type { CheckResult } from './check-result.ts';
export { configPageOf } from './config-page.ts';
export { type ConfigSchema, configSchemaOf, type JsonSchema, secret } from './config-schema.ts';
export type { AdapterIdentity, CheckContext, OpenContext, PushContext } from './context.ts';
export {
  type AdapterDefinition,
  type BatchOutcome,
  type DefinedAdapter,
  defineAdapter,
  isAdapterDefinition,
} from './definition.ts';
export type { DeliveryAttempt, DeliverySettings } from './delivery.ts';
export { type AdapterEvent, adapterEvent, type EventFields } from './event.ts';
export { eventAsJson } from './event-json.ts';
export { type HttpAnswer, receiptOf } from './http/answer.ts';
export type { HttpClient } from './http/client.ts';
export type { OAuthOptions } from './http/oauth.ts';
export type { HttpPool, HttpRequest, PoolOptions, PostContext, PostOptions } from './http/pool.ts';
export type { TlsOptions } from './http/tls.ts';
export type {
  DeliveredOutcome,
  FailureKind,
  Outcome,
  OutcomeKind,
  RefusedOutcome,
  RetryableOutcome,
  ThrottledOutcome,
  ThrottleScope,
} from './outcome.ts';
export { outcomeOf } from './outcome-of.ts';
