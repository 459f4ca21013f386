import { join } from 'node:path';

/** The workspace's root, absolute. */
export const root = join(import.meta.dirname, '..');
