import { defineAdapter } from '@hms-sync/adapter-sdk';

/** Takes every event at once, and says in its receipt when that was, by the machine's monotonic clock. */
export default defineAdapter({
  delivery: { concurrency: 1_024, timeoutMs: 10_000 },
  push: async () => String(Number(process.hrtime.bigint()) / 1e6),
});
