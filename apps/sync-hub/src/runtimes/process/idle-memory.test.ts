import { expect, it, vi } from 'vitest';
import { adapter } from '../suite/lab-adapter.fixture.ts';
import { startHostile } from './hostile-adapter.fixture.ts';
import { residentBytesOf } from './memory-watch.ts';

const MIB = 1024 * 1024;

it('an adapter that has come to rest gives back what its work took', async () => {
  // 64 MB that live long enough to be moved among what V8 looks at last, and then are garbage.
  const { deliver } = await startHostile(
    adapter(
      'push: () => { kept = Array.from({ length: 8 }, () => new Array(1_000_000).fill(0.5)); kept = []; return String(process.pid); }',
      'let kept;',
    ),
  );
  const outcome = await deliver();
  const pid = outcome.kind === 'delivered' ? Number(outcome.receipt) : 0;
  const busyBytes = (await residentBytesOf(pid)) ?? 0;
  await vi.waitUntil(async () => ((await residentBytesOf(pid)) ?? 0) < busyBytes - 48 * MIB, { timeout: 20_000 });
  expect(await deliver()).toMatchObject({ kind: 'delivered' });
});
