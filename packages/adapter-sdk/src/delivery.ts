import type { EventFields } from './event.ts';

/** One attempt of one delivery, as the hub hands it to an adapter's host. */
export interface DeliveryAttempt {
  /** The event. */
  readonly event: EventFields;
  /** The same for every attempt and replay of this delivery: hand it to the external system. */
  readonly idempotencyKey: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** True when an earlier attempt may have taken effect. */
  readonly redelivered: boolean;
  /** How long there is, from now. The signal ends the attempt; this number is passed to the adapter. */
  readonly timeoutMs: number;
}

/** How an adapter wants to be given deliveries. The operator's configuration goes before it. */
export interface DeliverySettings {
  /** Attempts at a time: 1 to 1,024. */
  readonly concurrency: number;
  /** How long an attempt may take: 1 to 600,000. */
  readonly timeoutMs: number;
}

/** What holds when a definition does not say. */
export const DELIVERY_DEFAULTS: DeliverySettings = {
  // Enough to hide a round trip of a second behind seven others, few enough not to be an attack.
  concurrency: 8,
  timeoutMs: 10_000,
};

/** The bounds of {@link DeliverySettings}, both ends included. */
export const DELIVERY_BOUNDS = {
  concurrency: { min: 1, max: 1024 },
  // Ten minutes: past that an external system works in the background and should be polled, not waited for.
  timeoutMs: { min: 1, max: 600_000 },
} as const;
