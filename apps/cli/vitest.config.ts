import { mergeConfig } from 'vitest/config';
import shared from '../../vitest.shared.ts';

// What the command advises depends on how it was started, and tests are started by npm or without it.
export default mergeConfig(shared, { test: { env: { npm_lifecycle_event: '' } } });
