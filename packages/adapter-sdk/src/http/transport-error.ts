import { Permanent, Retryable } from '../adapter-error.ts';
import { connectionFailure } from '../connection-failure.ts';
import { codeOf } from '../outcome-of.ts';

/** What it means that a request was not answered, by the code of Node, or of this client, on the error. */
export function transportError(error: unknown, origin: string): Error {
  const code = codeOf(error) ?? 'UNKNOWN_ERROR';
  if (code === 'INVALID_REQUEST') {
    return new Permanent('the request cannot be sent: its path or a header holds what HTTP cannot carry', { code });
  }
  const sentence = connectionFailure(code) ?? 'the answer could not be read';
  return new Retryable(`${sentence} (${code}, ${origin})`, { code, cause: error });
}
