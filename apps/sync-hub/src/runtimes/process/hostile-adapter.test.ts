import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Outcome } from '../../core/outcome.ts';
import { adapter, SECRET } from '../suite/lab-adapter.fixture.ts';
import { expectRecovery, harm, harmful, startHostile } from './hostile-adapter.fixture.ts';

describe('an adapter that breaks at import', () => {
  it('by leaving the process is FAILED with its exit code, and started again', async () => {
    const { start } = await startHostile('process.exit(3);');
    expect(start).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(
        /^the process of adapter-lab@1\.2\.3 exited with code 3 while it was starting; it is started again in 0\.\d s$/,
      ),
    });
  });

  it.each([
    ['importing', 'const kept = []; for (;;) { kept.push(Buffer.alloc(4e6, 1)); await new Promise(setImmediate); }'],
    [
      'opening',
      adapter(
        'async open() { const kept = []; for (;;) { kept.push(Buffer.alloc(4e6, 1)); await new Promise(setImmediate); } }, push() {}',
      ),
    ],
  ])('by leaking memory while it is %s is ended at its limit', async (_what, module) => {
    const { start } = await startHostile(module, { manifest: { limits: { memoryMb: 160 } } });
    expect(start).toMatchObject({
      kind: 'failed',
      reason: expect.stringMatching(/was killed: it had \d+ MB of memory, and 160 are allowed/),
    });
  });

  it('by a manifest that is longer than a command may be is FAILED, and leaves no folder behind', async () => {
    const home = await mkdtemp(join(tmpdir(), 'hms-sync-home-'));
    vi.stubEnv('TMPDIR', home);
    onTestFinished(async () => {
      vi.unstubAllEnvs();
      await rm(home, { recursive: true });
    });
    const fsRead = Array.from({ length: 100_000 }, (_, index) => `./a/folder/with/a/longer/path/${index}`);
    const { start, close } = await startHostile('', { manifest: { permissions: { fsRead } } });
    expect(start).toMatchObject({ kind: 'failed', reason: expect.stringContaining('could not be started: E2BIG') });
    await close();
    expect((await readdir(home)).filter((name) => !name.includes('adapters'))).toEqual([]);
  });

  it('by an endless loop is FAILED within its time', async () => {
    const { start } = await startHostile('for (;;);', { loadTimeoutMs: 100 });
    expect(start).toMatchObject({
      kind: 'failed',
      reason: expect.stringContaining('adapter-lab@1.2.3 did not finish starting: no answer within 2100 ms'),
    });
  });
});

describe('an adapter that breaks while it works', () => {
  it.each([
    ['leaves its process', 'process.exit();', /^the adapter's process exited with code 0; it is started again in/],
    ['aborts natively', 'process.abort();', /was ended by SIGABRT/],
    ['kills itself', "process.kill(process.pid, 'SIGKILL');", /was ended by SIGKILL/],
    [
      'throws outside of an attempt',
      "setTimeout(() => { throw new TypeError('Ada Byron'); }); await new Promise(() => {});",
      /ended: its code threw TypeError outside of an attempt/,
    ],
    [
      'leaves a rejection unheard',
      "Promise.reject(new RangeError('Ada Byron')); await new Promise(() => {});",
      /ended: its code threw RangeError outside of an attempt/,
    ],
    [
      'breaks its connection',
      'for (const handle of process._getActiveHandles()) if (handle.server) handle.destroy(); await new Promise(() => {});',
      /was killed: it broke its connection to the hub/,
    ],
  ])('and %s has its attempt reported as crashed, and is started again', async (_what, body, reason) => {
    const hostile = await startHostile(harmful(body));
    const outcome = await hostile.deliver(harm);
    expect(outcome).toMatchObject({ kind: 'crashed', failure: { code: 'PROCESS_ENDED' }, suspects: 1 });
    const received = await hostile.changed();
    expect(received).toMatchObject({ kind: 'starting', reason: expect.stringMatching(reason) });
    expect(JSON.stringify([received, outcome, hostile.records])).not.toContain('Ada');
    await expectRecovery(hostile);
  });

  it('reports how many attempts may be to blame', async () => {
    const hostile = await startHostile(
      harmful('setTimeout(() => process.exit(), 50); await new Promise(() => {});').replace(
        "return 'well'",
        "if (event.key === 'wait') await new Promise(() => {}); return 'well'",
      ),
    );
    const wait = { event: { ...(harm.event as NonNullable<typeof harm.event>), key: 'wait' } };
    const outcomes = await Promise.all([hostile.deliver(wait), hostile.deliver(harm), hostile.deliver(wait)]);
    for (const outcome of outcomes) expect(outcome).toMatchObject({ kind: 'crashed', suspects: 3 });
  });

  it('and leaves while it checks itself is reported to have ended by the time that is known', async () => {
    const hostile = await startHostile(adapter('check: () => process.exit(4), push() {}'));
    let received: string | undefined;
    void hostile.changed().then(({ kind }) => {
      received = kind;
    });
    expect(await hostile.check()).toMatchObject([{ ok: false }]);
    expect(received).toBe('starting');
  });

  it('and does not finish what it has when it is to end is not said to have crashed of it', async () => {
    const hostile = await startHostile(
      harmful("process.on('SIGTERM', () => process.exit()); await new Promise(() => {});"),
    );
    const outcome = hostile.deliver(harm);
    await hostile.deliver();
    await hostile.close();
    expect(await outcome).toMatchObject({ kind: 'retryable', failure: { code: 'PROCESS_ENDED' } });
  });

  it('is reported to have ended before its attempts have their outcomes, so that nothing new is sent to it', async () => {
    const hostile = await startHostile(harmful('process.exit();'));
    const ended = hostile.deliver(harm).then(({ kind }) => ({ kind, hasChanged: hostile.hasChanged() }));
    expect(await ended).toEqual({ kind: 'crashed', hasChanged: true });
    expect(await hostile.changed()).toMatchObject({ kind: 'starting' });
  });
});

describe('an adapter that takes what belongs to all', () => {
  it('by an endless loop is killed when it gives no sign of life', async () => {
    const hostile = await startHostile(harmful('for (;;);'), { heartbeatMs: 200 });
    expect(await hostile.deliver(harm)).toMatchObject({ kind: 'crashed' });
    expect(await hostile.changed()).toMatchObject({
      reason: expect.stringMatching(/was killed: it gave no sign of life for 1 s, as code in a loop does not/),
    });
    await expectRecovery(hostile);
  });

  it('by blocking for less than that is left alone', async () => {
    const hostile = await startHostile(
      harmful('const end = Date.now() + 1_000; while (Date.now() < end); return "slow";'),
      { heartbeatMs: 1_000 },
    );
    expect(await hostile.deliver(harm)).toEqual({ kind: 'delivered', receipt: 'slow' });
  });

  it.each([
    ['heap', 'const kept = []; for (;;) { kept.push(new Array(1e4).fill(0).map((_, i) => ({ i }))); await null; }'],
    [
      'heap without ever yielding',
      'const kept = []; for (;;) kept.push(new Array(1e4).fill(0).map((_, i) => ({ i })));',
    ],
    [
      'buffers',
      'const kept = []; for (;;) { kept.push(Buffer.alloc(4e6, 1)); await new Promise((done) => setTimeout(done, 5)); }',
    ],
  ])('by leaking %s is ended at its limit', async (_what, body) => {
    const hostile = await startHostile(harmful(body), { manifest: { limits: { memoryMb: 160 } } });
    expect(await hostile.deliver(harm)).toMatchObject({ kind: 'crashed' });
    const received = await hostile.changed();
    expect(received).toMatchObject({ reason: expect.stringMatching(/limits\.memoryMb in its manifest/) });
    await expectRecovery(hostile);
  });
});

describe('an attempt that was asked to stop', () => {
  it('and never settles has its process killed after the grace; the others of it are not to blame alone', async () => {
    const hostile = await startHostile(harmful('await new Promise(() => {});'), { abortGraceMs: 300 });
    const abort = new AbortController();
    const [stuck, other] = [hostile.deliver(harm, abort.signal), hostile.deliver(harm)];
    await hostile.deliver();
    abort.abort();
    for (const outcome of await Promise.all([stuck, other])) {
      expect(outcome).toMatchObject({ kind: 'crashed', suspects: 2 });
    }
    expect(await hostile.changed()).toMatchObject({
      reason: expect.stringContaining('was killed: an attempt did not stop within 0.3 s of being asked to'),
    });
    await expectRecovery(hostile);
  });

  it('and settles late owns its outcome, and its process lives', async () => {
    const hostile = await startHostile(
      harmful("await new Promise((done) => context.signal.addEventListener('abort', () => setTimeout(done, 100)));"),
      { abortGraceMs: 10_000 },
    );
    const abort = new AbortController();
    const late = hostile.deliver(harm, abort.signal);
    await hostile.deliver();
    abort.abort();
    expect(await late).toEqual({ kind: 'delivered', receipt: 'well' });
    expect(await hostile.deliver()).toEqual({ kind: 'delivered', receipt: 'well' });
  });
});

describe('what a process leaves behind', () => {
  it('is nothing: what it forked ends with it', async () => {
    const forked = "import { spawn } from 'node:child_process';";
    const hostile = await startHostile(
      harmful("return String(spawn('sleep', ['1000'], { stdio: 'inherit' }).pid);", forked).replace(
        "return 'well'",
        'process.exit()',
      ),
    );
    const { receipt } = (await hostile.deliver(harm)) as Outcome & { kind: 'delivered' };
    expect(isAlive(Number(receipt))).toBe(true);
    await hostile.deliver();
    while (isAlive(Number(receipt))) await sleep(10);
  });

  it('is not a secret: what it prints has none', async () => {
    const hostile = await startHostile(
      adapter(
        `config: z.object({ token: z.string() }), open: ({ config }) => { console.log('the token is', config.token); console.error(JSON.stringify(config)); }, push() {}`,
      ),
      { config: { token: SECRET } },
    );
    await hostile.close();
    expect(hostile.records).toEqual([
      { level: 'info', message: 'the token is [redacted]', fields: { stream: 'stdout' } },
      { level: 'warn', message: '{"token":"[redacted]"}', fields: { stream: 'stderr' } },
    ]);
  });
});

describe('beside adapters that do harm', () => {
  let neighbour: Awaited<ReturnType<typeof startHostile>>;
  let longestMs = 0;
  let going = true;
  let deliveries: Promise<void>;

  // The whole of this file's harm is done again by one process, while another one delivers.
  beforeAll(() => {
    going = true;
  });
  afterAll(async () => {
    going = false;
    await deliveries;
  });

  it('deliveries to another process go on', async () => {
    neighbour = await startHostile(adapter("push: () => 'well'"));
    deliveries = (async () => {
      while (going) {
        const beganAtMs = performance.now();
        expect(await neighbour.deliver()).toMatchObject({ kind: 'delivered' });
        longestMs = Math.max(longestMs, performance.now() - beganAtMs);
      }
    })();
    const bodies = [
      'for (;;);',
      'process.exit();',
      'for (let i = 0; i < 1e5; i += 1) console.log(i); process.abort();',
    ];
    for (const body of bodies) {
      const hostile = await startHostile(harmful(body), { heartbeatMs: 200 });
      expect(await hostile.deliver(harm)).toMatchObject({ kind: 'crashed' });
      await hostile.close();
    }
    going = false;
    await deliveries;
    // Two processes and this one share two cores with whatever else runs there.
    expect(longestMs).toBeLessThan(5_000);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
