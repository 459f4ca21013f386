import { ACK_MUTANTS } from './acks.ts';
import { CORE_MUTANTS } from './core.ts';
import { JOURNAL_MUTANTS } from './journal.ts';
import { LANE_MUTANTS } from './lanes.ts';
import type { Mutant } from './mutant.ts';
import { OWNERSHIP_MUTANTS } from './ownership.ts';

export const EVERY_MUTANT: readonly Mutant[] = [
  ...CORE_MUTANTS,
  ...LANE_MUTANTS,
  ...JOURNAL_MUTANTS,
  ...ACK_MUTANTS,
  ...OWNERSHIP_MUTANTS,
];
