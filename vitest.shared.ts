import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** The export condition under which workspace packages resolve to their TypeScript sources instead of dist. */
export const sourceCondition = '@hms-sync/source';

/**
 * Tests start hubs, adapters and commands by the dozen, from their sources: with what Node compiled kept, each starts in
 * half the time. Of this checkout alone, and gone with its packages.
 */
process.env.NODE_COMPILE_CACHE ??= fileURLToPath(new URL('node_modules/.cache/node-compile', import.meta.url));

/** What every project's vitest.config.ts is: tests beside their files, sources of sibling packages. */
export default defineConfig({
  // Each becomes a flag of the workers' Node too, where "import" would give ES modules to packages that call require.
  ssr: { resolve: { conditions: [sourceCondition, 'node'] } },
  test: {
    include: ['**/*.test.ts'],
    exclude: ['**/node_modules/**', '**/dist/**'],
    pool: 'forks',
    setupFiles: [fileURLToPath(new URL('vitest.seed.ts', import.meta.url))],
    execArgv: [`--conditions=${sourceCondition}`],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // About half of its time a test waits: for a hub to start, for a timer. A project does not take it from the root.
    maxWorkers: availableParallelism() + 1,
  },
});
