import type { Check } from './check.ts';
import { credentials, refusal, serverFailure, throttling } from './checks/answers.ts';
import { checkResults } from './checks/check-results.ts';
import { badConfiguration, configuration } from './checks/configuration.ts';
import { duplicate, oneOutcome } from './checks/delivering.ts';
import { drain } from './checks/drain.ts';
import { manifest } from './checks/manifest.ts';
import { privacy } from './checks/privacy.ts';
import { handles, heap } from './checks/resources.ts';
import { abort, hang, reset } from './checks/silence.ts';

/** All checks. Drain is last: a remote adapter accepts no deliveries after it. */
export const CHECKS: readonly Check[] = [
  manifest,
  configuration,
  badConfiguration,
  oneOutcome,
  duplicate,
  throttling,
  serverFailure,
  refusal,
  credentials,
  reset,
  hang,
  abort,
  checkResults,
  privacy,
  handles,
  heap,
  drain,
];
