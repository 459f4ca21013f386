import { CORE_BUGS } from './core-bugs.ts';
import { HUB_BUGS } from './hub-bugs.ts';
import type { PlantedBug } from './planted-bug.ts';

/** Of the core and of what performs it, with their files as in src. */
export const EVERY_PLANTED_BUG: readonly PlantedBug[] = [
  ...CORE_BUGS.map((bug) => ({ ...bug, file: `core/${bug.file}` })),
  ...HUB_BUGS,
];
