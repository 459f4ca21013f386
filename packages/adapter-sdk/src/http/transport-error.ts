import { Permanent, Retryable } from '../adapter-error.ts';
import { connectionFailure } from '../connection-failure.ts';
import { codeOf } from '../outcome-of.ts';

/**
 * What it means that a request was not answered.
 *
 * @param because the code of what ended the request, such as `ABORTED`. Absent: the code of Node or undici on the error.
 */
export function transportError(error: unknown, origin: string, because?: 'ABORTED' | 'TIMEOUT'): Error {
  // Whatever an aborted request rejects with, the reason is the abort.
  const code = because ?? codeOf(error) ?? 'UNKNOWN_ERROR';
  if (code === 'UND_ERR_INVALID_ARG') {
    return new Permanent('the request cannot be sent: its path or a header holds what HTTP cannot carry', {
      code: 'INVALID_REQUEST',
      cause: error,
    });
  }
  const sentence = connectionFailure(code) ?? 'the answer could not be read';
  return new Retryable(`${sentence} (${code}, ${origin})`, { code, cause: error });
}
