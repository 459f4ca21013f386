import type { RequestListener } from 'node:http';

/** What Node's timers hold: 24.8 days. Past that they overflow to one millisecond. */
const LONGEST_DEADLINE_MS = 2 ** 31 - 1;

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };

/**
 * Wraps a handler so that a deadline longer than a timer can hold is the longest that it can: Connect (2.2.0) hands it
 * to setTimeout as it is, and the call would end at once.
 */
export function withBoundedDeadline(handler: RequestListener): RequestListener {
  return (request, response) => {
    const { headers } = request;
    const [, amount, unit = ''] = /^(\d{1,8})([HMSmun])$/.exec(String(headers['grpc-timeout'] ?? '')) ?? [];
    if (Number(amount) * (UNIT_MS[unit] ?? Number.NaN) > LONGEST_DEADLINE_MS) headers['grpc-timeout'] = '596H';
    if (Number(headers['connect-timeout-ms']) > LONGEST_DEADLINE_MS) {
      headers['connect-timeout-ms'] = String(LONGEST_DEADLINE_MS);
    }
    handler(request, response);
  };
}
