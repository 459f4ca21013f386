import type { EventFields } from './event.ts';

/** One attempt of one delivery, as the hub sends it. */
export interface DeliveryAttempt {
  /** The event. */
  readonly event: EventFields;
  /** The same for every attempt and replay of this delivery: send it to the external system. */
  readonly idempotencyKey: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** True when an earlier attempt may have taken effect. */
  readonly redelivered: boolean;
  /** The time limit, from now. It is passed to the adapter; the signal enforces it. */
  readonly timeoutMs: number;
}

/** Default delivery settings of an adapter. The operator's configuration takes precedence. */
export interface DeliverySettings {
  /** Attempts at a time: 1 to 1,024. */
  readonly concurrency: number;
  /** How long an attempt may take: 1 to 600,000. */
  readonly timeoutMs: number;
}

/** The settings of a definition without `delivery`. */
export const DELIVERY_DEFAULTS: DeliverySettings = {
  // Enough for eight deliveries a second at a round trip of one second, and not too many for a small system.
  concurrency: 8,
  timeoutMs: 10_000,
};

/** The bounds of {@link DeliverySettings}, both ends included. */
export const DELIVERY_BOUNDS = {
  concurrency: { min: 1, max: 1024 },
  // Ten minutes: a system that needs longer should work in the background.
  timeoutMs: { min: 1, max: 600_000 },
} as const;
