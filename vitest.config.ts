import { defineConfig } from 'vitest/config';

/**
 * `npm test`: every project in one run, so that all test files share the machine's cores. What every project's own
 * vitest.config.ts is: vitest.shared.ts.
 */
export default defineConfig({
  test: {
    projects: ['apps/*', 'conformance', 'examples/*', 'packages/*', 'proto', 'testing', 'tools'],
    reporters: ['default', './tools/test-total.ts'],
  },
});
