import type { SystemName } from './system.ts';

/** What was done to a call on purpose. `down` cut it off, `latency` and `slowBody` only held it up. */
export type CallFault = 'latency' | 'slowBody' | 'status' | 'hang' | 'reset' | 'down';

/** One call as the sandbox holds it: changed in place until it is over. */
export interface Call {
  readonly sequence: number;
  readonly system: SystemName;
  readonly atMs: number;
  readonly key: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly idempotencyKey: string | null;
  readonly attempt: number;
  readonly overlap: number;
  readonly traceparent: string | null;
  readonly signed: boolean;
  readonly bodySizeBytes: number;
  /** The text as it came, null once it is forgotten. */
  bodyText: string | null;
  /** The bytes, where they are not UTF-8; null otherwise, and once they are forgotten. */
  bodyBase64: string | null;
  answeredStatus: number | null;
  /** Null while the call is open. */
  durationMs: number | null;
  fault: CallFault | null;
  effect: boolean;
  receipt: string | null;
}

/** One call as it is told to whoever asks. A header or field that the call did not carry is null. */
export interface RecordedCall {
  /** Counts all calls at all systems from 1, in the order in which they had arrived whole. */
  readonly sequence: number;
  readonly system: SystemName;
  /** When the call had arrived whole, RFC 3339 with milliseconds. */
  readonly at: string;
  readonly key: string | null;
  readonly eventId: string | null;
  readonly type: string | null;
  readonly idempotencyKey: string | null;
  /** How many calls this system has seen with this idempotency key, this one included. 1 without a key. */
  readonly attempt: number;
  /** How many other calls with the same key were open at this system when this one arrived. */
  readonly overlap: number;
  readonly traceparent: string | null;
  /** Whether a `webhook-signature` header was there. The sandbox does not verify it. */
  readonly signed: boolean;
  readonly bodySizeBytes: number;
  /** The body, parsed; the text itself when it is not JSON; null when it is no longer remembered. */
  readonly body: unknown;
  /** The body as it came: what parsing would round, reorder or leave out is in it. Null when it is no longer remembered. */
  readonly bodyText: string | null;
  /** Every byte of a body that is not UTF-8, whose text cannot hold them; null otherwise. */
  readonly bodyBase64: string | null;
  /** Null while the call is open, and for ever if it never got an answer. */
  readonly answeredStatus: number | null;
  /** From arrival to the end of the answer or of the connection; null while the call is open. */
  readonly durationMs: number | null;
  readonly fault: CallFault | null;
  /** Whether the change took effect by this call, and not by an earlier one or by none. */
  readonly effect: boolean;
  /** Told to the caller, or meant for it; the same for each repetition of one idempotency key. */
  readonly receipt: string | null;
}

function parseBody(text: string | null): unknown {
  if (text === null) return null;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function tellCall({ atMs, ...call }: Call): RecordedCall {
  return {
    ...call,
    at: new Date(atMs).toISOString(),
    body: parseBody(call.bodyText),
  };
}

/** The call as JSON, with a body that is JSON as it came: no number is rounded, no member lost. */
export function callAsJson({ body, ...call }: RecordedCall): string {
  const { bodyText } = call;
  // What could not be parsed is the text itself; what could be is never equal to its text.
  const source = bodyText === null || body === bodyText ? JSON.stringify(body) : bodyText;
  return `${JSON.stringify(call).slice(0, -1)},"body":${source}}`;
}
