import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

/** Most of its time a test here waits for hubs and timers; one worker fewer than cores would run one file at a time. */
export default mergeConfig(shared, defineConfig({ test: { maxWorkers: 2 } }));
