import { Permanent, Retryable } from '../adapter-error.ts';
import { connectionFailure } from '../connection-failure.ts';
import { codeOf } from '../outcome-of.ts';

/** The error for a request without a response, by the code of Node or of this client. */
export function transportError(error: unknown, origin: string): Error {
  const code = codeOf(error) ?? 'UNKNOWN_ERROR';
  if (code === 'INVALID_REQUEST') {
    return new Permanent('the request cannot be sent: its path or a header is not valid in HTTP', { code });
  }
  const sentence = connectionFailure(code) ?? 'the response could not be read';
  return new Retryable(`${sentence} (${code}, ${origin})`, { code, cause: error });
}
