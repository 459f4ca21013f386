import { defineConfig, mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

/** The tests of the template are run in what is made of it. */
export default mergeConfig(shared, defineConfig({ test: { exclude: ['template/**'] } }));
