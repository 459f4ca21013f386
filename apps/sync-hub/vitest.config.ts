import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/**
 * Most files here take less time than a process of their own would to begin, so a worker goes from one to the next. A file
 * puts back what it changes of its process: its environment, its timers, its handlers of signals.
 */
export default mergeConfig(shared, defineConfig({ test: { isolate: false } }));
