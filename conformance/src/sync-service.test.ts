import { afterAll, afterEach, beforeAll } from 'vitest';
import { describeSyncService } from './cases/sync-service.cases.ts';
import { QUICK_RETRY, type Stack, startStack } from './stack.ts';
import { transports } from './transports/every-transport.ts';

let stack: Stack;

beforeAll(async () => {
  // A breaker that never opens: the failures that one case orders must not be another's outage.
  stack = await startStack({ lane: { retry: QUICK_RETRY, breaker: { volumeThreshold: 10_000 } } });
});
afterEach(() => stack.sandbox.clearFaults());
afterAll(() => stack?.close());

for (const kind of transports) describeSyncService(kind, () => stack);
