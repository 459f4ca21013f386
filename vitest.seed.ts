import fc from 'fast-check';

/**
 * Every property of every project draws the same cases each time, so that `npm test` and CI depend on no luck. `npm run
 * fuzz` sets another seed each time; what it finds becomes a fixed case of its test.
 */
fc.configureGlobal({ seed: Number(process.env.HMS_SYNC_SEED ?? 1) });
