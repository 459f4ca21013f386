import { createRequire } from 'node:module';
import type { Pool } from 'undici';

const require = createRequire(import.meta.url);

/**
 * Connections of undici to one origin. undici is loaded with the first of them: 4 MB and 40 ms of a process, of which an
 * adapter that speaks no HTTP needs nothing.
 */
export function openConnections(origin: string, options: Pool.Options): Pool {
  const undici: typeof import('undici') = require('undici');
  return new undici.Pool(origin, options);
}
