import fc from 'fast-check';

/**
 * Every property of every project draws the same cases each time, so that `npm test` depends on no luck. `npm run fuzz`
 * and CI set another seed each time; what they find becomes a fixed case of its test.
 */
fc.configureGlobal({ seed: Number(process.env.HMS_SYNC_SEED ?? 1) });
