import type { AttemptEnd } from '../core/outcome.ts';

/** The adapter does not run, or ended before it had the event: no attempt was made. */
export const NOT_SENT: AttemptEnd = { kind: 'not_run' };
