import { wrongField } from '../refusal.ts';

const REASON_MAX = 256;

/**
 * Why a person changes something, for the record. May be left out where nothing is changed.
 *
 * @throws {Refusal} REQUEST_INVALID
 */
export function toReason({ reason, dryRun = false }: { reason: string; dryRun?: boolean }): string {
  if (dryRun && reason === '') return '';
  const isFit = reason.trim() !== '' && reason.length <= REASON_MAX && !/\p{Cc}/u.test(reason) && reason.isWellFormed();
  if (!isFit) throw wrongField('reason', `is required: say why, in 1 to ${REASON_MAX} characters on one line`);
  return reason;
}
