import type { IncomingHttpHeaders } from 'node:http';

/** W3C Trace Context, any version. */
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[\x21-\x7e]*)?$/;
/** What the contract lets an attribute hold; the standard asks for half of it. */
const TRACESTATE_MAX = 1_024;

/**
 * The trace that a request belongs to, as attributes of its event. Headers that break the standard are passed over,
 * as it asks: proxies put them there, not the publisher.
 */
export function traceAttributes({ traceparent, tracestate }: IncomingHttpHeaders): Record<string, string> {
  if (typeof traceparent !== 'string' || traceparent.length > 256 || !TRACEPARENT.test(traceparent)) return {};
  if (typeof tracestate !== 'string' || tracestate.length > TRACESTATE_MAX) return { traceparent };
  return { traceparent, tracestate };
}
