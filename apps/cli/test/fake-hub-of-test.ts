import { onTestFinished } from 'vitest';
import { type FakeHub, type FakeHubPlan, startFakeHub } from './fake-hub.ts';

/** A fake hub that closes when the test that started it ends. */
export async function fakeHubOfTest(plan?: FakeHubPlan): Promise<FakeHub> {
  const fake = await startFakeHub(plan);
  onTestFinished(() => fake.close());
  return fake;
}
