import type { Fault } from './fault.ts';
import type { Random } from './random.ts';

/** The one way in which a call fails. */
export type Failure =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter: string | undefined }
  | { readonly kind: 'hang' }
  | { readonly kind: 'reset' };

/** What the stand-in does with one call. */
export type Treatment = {
  readonly delayMs: number;
  readonly slowBodyMs: number;
  readonly failure: Failure | null;
  /** Whether the change is applied, which a failure may hide from the caller. */
  readonly applied: boolean;
};

/** What a fault can match a call by. */
export type CallFacts = { readonly key: string | null; readonly eventId: string | null; readonly type: string | null };

/** How a call is treated while nothing is wrong. */
export const untroubled: Treatment = { delayMs: 0, slowBodyMs: 0, failure: null, applied: true };

/** What a gateway in front of a sick system most often answers. */
const defaultStatus = 503;

/** A fault at work on one stand-in: it draws its own random numbers and counts the calls it was for. */
export class ArmedFault {
  readonly fault: Fault;
  readonly #random: Random;
  #calls = 0;

  constructor(fault: Fault, random: Random) {
    this.fault = fault;
    this.#random = random;
  }

  /** Calls that this fault was for so far, those that `errorRate` spared included. */
  get calls(): number {
    return this.#calls;
  }

  /** Whether `times` is used up. */
  get isSpent(): boolean {
    return this.fault.times !== undefined && this.#calls >= this.fault.times;
  }

  /** Decides one call, and counts it when the fault is for it. */
  treat(call: CallFacts): Treatment {
    if (this.isSpent || !this.#matches(call)) return untroubled;
    this.#calls += 1;
    const { latencyMs = 0, jitterMs = 0, slowBodyMs = 0, afterEffect = false } = this.fault;
    const failure = this.#drawFailure();
    return {
      delayMs: latencyMs + (jitterMs > 0 ? jitterMs * this.#random() : 0),
      slowBodyMs,
      failure,
      applied: failure === null || afterEffect,
    };
  }

  #matches(call: CallFacts): boolean {
    const { key, eventId, type } = this.fault.match ?? {};
    return (
      (key === undefined || key === call.key) &&
      (eventId === undefined || eventId === call.eventId) &&
      (type === undefined || type === call.type)
    );
  }

  #drawFailure(): Failure | null {
    const { errorRate, status, retryAfter, hang, reset } = this.fault;
    if (errorRate !== undefined && this.#random() >= errorRate) return null;
    if (hang) return { kind: 'hang' };
    if (reset) return { kind: 'reset' };
    if (errorRate === undefined && status === undefined && retryAfter === undefined) return null;
    return { kind: 'status', status: status ?? defaultStatus, retryAfter };
  }
}
