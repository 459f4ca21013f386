import type { Call } from '../src/call.ts';

/** A call that was answered well, with `changes`. */
export function newCall(changes: Partial<Call> & { readonly sequence: number }): Call {
  const bodyText = changes.bodyText ?? '{"type":"t"}';
  return {
    system: 'billing',
    atMs: 0,
    key: null,
    eventId: null,
    type: 't',
    idempotencyKey: null,
    attempt: 1,
    overlap: 0,
    traceparent: null,
    signed: false,
    answeredStatus: 200,
    durationMs: 1,
    fault: null,
    effect: true,
    receipt: null,
    ...changes,
    bodyText,
    bodyBase64: null,
    bodySizeBytes: bodyText.length,
  };
}
