import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { useAdapterPackages } from '../adapter-packages.fixture.ts';
import { adapter, attemptOf, never } from './lab-adapter.fixture.ts';
import { type CreateRuntime, createOpener } from './opener.fixture.ts';

export function closingSuite(createRuntime: CreateRuntime): void {
  const { open, openReady } = createOpener(createRuntime);

  const traced = (trace: string) =>
    adapter(
      "open: () => { note('open'); }, push: () => { note('push'); }, close: () => { note('close'); throw new Error(); }",
      `import { appendFileSync } from 'node:fs';\nconst note = (word) => appendFileSync(${JSON.stringify(trace)}, word + ' ');`,
    );

  it('closes the adapter once, however often it is asked, and delivers nothing afterwards', async () => {
    const packages = await useAdapterPackages();
    const trace = join(packages.folder, 'trace');
    const { runtime } = await openReady(traced(trace));
    await Promise.all([runtime.close(), runtime.close()]);
    await runtime.close();
    expect((await runtime.deliver(attemptOf(), never())).kind).not.toBe('delivered');
    expect(await readFile(trace, 'utf8')).toBe('open close ');
  });

  it('lets go of nothing where nothing was started', async () => {
    const runtime = await open(adapter('push() {}'));
    await runtime.close();
    await runtime.close();
  });

  it('leaves nothing open of an adapter that was being loaded or opened meanwhile', async () => {
    const packages = await useAdapterPackages();
    const trace = join(packages.folder, 'trace');
    const runtime = await open(traced(trace));
    const starting = runtime.start();
    await runtime.close();
    expect((await starting).kind).toBe('failed');
    const opening = await open(
      adapter(
        "async open() { note('open'); await new Promise((r) => setTimeout(r, 1_000)); }, push() {}, close() { note('close'); }",
        `import { appendFileSync } from 'node:fs';\nconst note = (word) => appendFileSync(${JSON.stringify(trace)}, word + ' ');`,
      ),
    );
    const started = opening.start();
    while ((await readFile(trace, 'utf8').catch(() => '')) === '') await new Promise(setImmediate);
    await opening.close();
    expect((await started).kind).toBe('failed');
    expect(await readFile(trace, 'utf8')).toBe('open close ');
  });
}
