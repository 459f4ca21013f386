import type { SystemName } from './system.ts';

/** The fault that was applied to a call. `down` cut its connection; `latency` and `slowBody` only delayed the response. */
export type CallFault = 'latency' | 'slowBody' | 'status' | 'hang' | 'reset' | 'down';

/** One call as the sandbox keeps it, changed in place until it ends. An absent header or field is null. */
export interface Call {
  /** Counts the calls of all systems from 1, in the order in which their last byte arrived. */
  readonly sequence: number;
  readonly system: SystemName;
  /** When its last byte arrived. */
  readonly atMs: number;
  readonly key: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly idempotencyKey: string | null;
  /** The number of this call among those with its idempotency key at this system, from 1. 1 without a key. */
  readonly attempt: number;
  /** How many other calls with the same key were open at this system when this one arrived. */
  readonly overlap: number;
  readonly traceparent: string | null;
  /** Whether it had a `webhook-signature` header. The sandbox does not verify it. */
  readonly signed: boolean;
  readonly bodySizeBytes: number;
  /** The body as received, not parsed. Null when it is no longer kept. */
  bodyText: string | null;
  /** The bytes of a body that is not UTF-8; null for other bodies, and when it is no longer kept. */
  bodyBase64: string | null;
  /** Null while the call is open, and if it was never answered. */
  answeredStatus: number | null;
  /** From arrival to the end of the response or of the connection; null while the call is open. */
  durationMs: number | null;
  fault: CallFault | null;
  /** Whether this call, and not an earlier one, applied the change. */
  effect: boolean;
  /** The receipt of the change, sent or not; the same for all calls with one idempotency key. */
  receipt: string | null;
}

/** One call as the control port and `calls()` return it. */
export interface RecordedCall extends Readonly<Omit<Call, 'atMs'>> {
  /** When its last byte arrived, RFC 3339 with milliseconds. */
  readonly at: string;
  /** The body, parsed; its text when it is not JSON; null when it is no longer kept. */
  readonly body: unknown;
}

function parseBody(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function recordedCall({ atMs, ...call }: Call): RecordedCall {
  return {
    ...call,
    at: new Date(atMs).toISOString(),
    body: parseBody(call.bodyText),
  };
}

/** The call as JSON. A JSON body is copied unchanged: no number is rounded, no member lost. */
export function callAsJson({ body, ...call }: RecordedCall): string {
  const { bodyText } = call;
  // A body that is not JSON equals its text; a parsed body never does.
  const source = bodyText === null || body === bodyText ? JSON.stringify(body) : bodyText;
  return `${JSON.stringify(call).slice(0, -1)},"body":${source}}`;
}
