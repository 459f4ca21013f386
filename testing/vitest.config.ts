import { mergeConfig } from 'vitest/config';
import shared from '../vitest.shared.ts';

export default mergeConfig(shared, { test: { globalSetup: ['src/postgres-setup.ts'] } });
