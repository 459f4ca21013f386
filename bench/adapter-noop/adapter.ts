import { defineAdapter } from '@hms-sync/adapter-sdk';

/** Takes every event at once. */
export default defineAdapter({
  delivery: { concurrency: 1_024, timeoutMs: 10_000 },
  push: async () => undefined,
});
