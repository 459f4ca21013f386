import { expect } from 'vitest';
import { createAdapterHost, type DefinedAdapter } from '../src/host/host.ts';
import { recordingLog } from './delivery.ts';

/** A signal that nobody aborts. */
export const { signal } = new AbortController();

/** The host of an adapter that was not configured yet, and what it logs. */
export function hostOf(definition: DefinedAdapter) {
  const { log, records } = recordingLog();
  return { host: createAdapterHost(definition, { adapter: { id: 'billing', version: '1.2.3' }, log }), records };
}

/** The same with a configuration that is to be taken. */
export async function readyHost(definition: DefinedAdapter, config?: unknown) {
  const made = hostOf(definition);
  expect(await made.host.configure(config)).toEqual([]);
  return made;
}
