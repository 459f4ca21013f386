import { invalidField } from '../request-error.ts';

const REASON_MAX = 256;

/**
 * Why an operator changes something, for the record. May be left out where nothing is changed.
 *
 * @throws {RequestError} REQUEST_INVALID
 */
export function toReason({ reason, dryRun = false }: { reason: string; dryRun?: boolean }): string {
  return dryRun ? toOptionalReason({ reason }) : fitReason(reason, 'is required: say why,');
}

/** The same where it may be left out. @throws {RequestError} REQUEST_INVALID */
export function toOptionalReason({ reason }: { reason: string }): string {
  return reason === '' ? '' : fitReason(reason, 'must say why');
}

function fitReason(reason: string, rule: string): string {
  const isFit = reason.trim() !== '' && reason.length <= REASON_MAX && !/\p{Cc}/u.test(reason) && reason.isWellFormed();
  if (!isFit) throw invalidField('reason', `${rule} in 1 to ${REASON_MAX} characters on one line`);
  return reason;
}
