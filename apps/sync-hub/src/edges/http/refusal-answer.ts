import { REFUSALS, Refusal } from '../refusal.ts';
import type { JsonAnswer } from './answer-json.ts';

/** A refusal as an answer on a plain HTTP path. */
export function refusalAnswer({ reason, message, fields, retryAfterMs }: Refusal): JsonAnswer {
  const { code, httpStatus } = REFUSALS[reason];
  return {
    status: httpStatus,
    ...(retryAfterMs !== undefined && { headers: { 'retry-after': String(Math.ceil(retryAfterMs / 1_000)) } }),
    body: { status: 'refused', code, reason, message, fields },
  };
}

/**
 * The same refusal in the sender's words.
 *
 * @param names what the sender calls the fields, by their paths in the contract
 */
export function inWordsOf(names: Readonly<Record<string, string>>, refusal: Refusal): Refusal {
  const { reason, retryAfterMs, metadata } = refusal;
  let { message } = refusal;
  const fields = refusal.fields.map(({ field: path, description }) => {
    const field = names[path] ?? path;
    message = message.replace(`${path} ${description}`, () => `${field} ${description}`);
    return { field, description };
  });
  return new Refusal(reason, message, { fields, metadata, ...(retryAfterMs !== undefined && { retryAfterMs }) });
}
