import type { SystemName } from './system.ts';

/** What was done to a call on purpose. `down` cut it off, `latency` and `slowBody` only held it up. */
export type CallFault = 'latency' | 'slowBody' | 'status' | 'hang' | 'reset' | 'down';

/** One call as the sandbox holds it, changed in place until it is over. A header or field that it did not carry is null. */
export interface Call {
  /** Counts all calls at all systems from 1, in the order in which they had arrived whole. */
  readonly sequence: number;
  readonly system: SystemName;
  /** When it had arrived whole. */
  readonly atMs: number;
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
  /** The body as it came: what parsing would round, reorder or leave out is in it. Null when it is no longer remembered. */
  bodyText: string | null;
  /** Every byte of a body that is not UTF-8, whose text cannot hold them; null otherwise, and once it is forgotten. */
  bodyBase64: string | null;
  /** Null while the call is open, and permanently if it never got an answer. */
  answeredStatus: number | null;
  /** From arrival to the end of the answer or of the connection; null while the call is open. */
  durationMs: number | null;
  fault: CallFault | null;
  /** Whether the change took effect by this call, and not by an earlier one or by none. */
  effect: boolean;
  /** Sent to the caller, or meant for it; the same for each repetition of one idempotency key. */
  receipt: string | null;
}

/** One call as it is shown to whoever asks. */
export interface RecordedCall extends Readonly<Omit<Call, 'atMs'>> {
  /** When the call had arrived whole, RFC 3339 with milliseconds. */
  readonly at: string;
  /** The body, parsed; the text itself when it is not JSON; null when it is no longer remembered. */
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

/** The call as JSON, with a body that is JSON as it came: no number is rounded, no member lost. */
export function callAsJson({ body, ...call }: RecordedCall): string {
  const { bodyText } = call;
  // What could not be parsed is the text itself; what could be is never equal to its text.
  const source = bodyText === null || body === bodyText ? JSON.stringify(body) : bodyText;
  return `${JSON.stringify(call).slice(0, -1)},"body":${source}}`;
}
