import { afterEach, describe, expect, test, vi } from 'vitest';
import { demoCredentials } from './demo-adapters.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the credentials of the demo', () => {
  test('are the same for the hub and the sandbox, and never those of the surrounding shell', () => {
    vi.stubEnv('BILLING_TOKEN', 'a-real-token');
    vi.stubEnv('SANDBOX_BILLING_TOKEN', 'another-token');
    const { hub, sandbox } = demoCredentials();
    for (const name of ['SCHEDULING_TOKEN', 'RECORDS_TOKEN', 'BILLING_TOKEN']) {
      expect(hub[name]).toMatch(/^[0-9a-f-]{36}$/);
      expect(sandbox[`SANDBOX_${name}`]).toBe(hub[name]);
    }
  });

  test('are new at each start', () => {
    expect(demoCredentials().hub.BILLING_TOKEN).not.toBe(demoCredentials().hub.BILLING_TOKEN);
  });
});
