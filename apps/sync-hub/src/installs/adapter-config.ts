import { z } from 'zod';

/**
 * The adapter's own part of a configuration: any names with any values, for the adapter to judge. Not `z.record`, which
 * leaves a name such as `__proto__` out without a word.
 */
export const adapterConfig = z.custom<Readonly<Record<string, unknown>>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be names with values',
);
