import { expect, it } from 'vitest';
import { adapter, SECRET } from './lab-adapter.fixture.ts';
import { type CreateRuntime, createOpener } from './opener.fixture.ts';

export function startingSuite(createRuntime: CreateRuntime): void {
  const { failureOf, openReady } = createOpener(createRuntime);

  it('reports what the adapter accepts and how', async () => {
    const parts = "accepts: ['ProcessUpdated'], delivery: { concurrency: 3, timeoutMs: 700 }, push: () => {}";
    expect((await openReady(adapter(parts))).start).toEqual({
      kind: 'ready',
      accepts: new Set(['ProcessUpdated']),
      concurrency: 3,
      attemptTimeoutMs: 700,
    });
    expect((await openReady(adapter('push: () => {}'))).start).toMatchObject({
      accepts: 'all',
      concurrency: 8,
      attemptTimeoutMs: 10_000,
    });
  });

  it.each([
    [
      'throws at import',
      adapter('push() {}', "throw new Error('no such thing');"),
      /Error: no such thing( \(at file:.*index\.js:\d+:\d+\))?$/,
    ],
    ['throws null at import', adapter('push() {}', 'throw null;'), /: it threw null$/],
    ['throws a text at import', adapter('push() {}', `throw '${SECRET}';`), /: it threw a string$/],
    [
      'throws an error that cannot be read',
      adapter('push() {}', "throw Object.defineProperty(new Error(), 'message', { get() { throw new Error(); } });"),
      /: it threw Error$/,
    ],
    [
      'throws a revoked proxy',
      adapter('push() {}', 'const p = Proxy.revocable({}, {}); p.revoke(); throw p.proxy;'),
      /: it threw an object$|revoked/,
    ],
    ['throws an error of 10 MB', adapter('push() {}', "throw new Error('x'.repeat(1e7));"), /Error: x+$/],
    ['is not JavaScript', 'export default {{{', /SyntaxError/],
    ['imports what is not there', "import 'nowhere';", /'nowhere'/],
    ['has no default export', 'export const a = 1;', /is not made by defineAdapter/],
    ['exports what is not an adapter', 'export default { push() {} };', /is not made by defineAdapter/],
    ['defines itself wrongly', adapter("push: 'no function'"), /defineAdapter: push must be a function/],
  ])('fails with the package and what is wrong when the adapter %s', async (_what, module, reason) => {
    const message = await failureOf(module, { config: { token: SECRET } });
    expect(message).toMatch(/^adapter-lab@1\.2\.3 could not be loaded: /);
    expect(message).toMatch(reason);
    expect(message.length).toBeLessThan(1_024);
    expect(message).not.toContain(SECRET);
  });

  it.each([
    ['never finishes importing', 'await new Promise(() => {});'],
    ['is loaded as a promise that never settles', 'export function then() {}'],
  ])('fails when the adapter %s', async (_what, module) => {
    const message = await failureOf(module, { loadTimeoutMs: 300 });
    expect(message).toBe('adapter-lab@1.2.3 could not be loaded: it did not finish importing within 300 ms');
  });

  it('fails without a secret in the reason when the adapter quotes one at import', async () => {
    const module = adapter(
      'push() {}',
      `throw new Error('cannot log in with ${SECRET} \\u{1f512}'.padEnd(5000, '\\u{1f512}'));`,
    );
    const message = await failureOf(module, { config: { list: [{ token: SECRET }], on: 'on' } });
    expect(message).toContain('cannot log in with [redacted]');
    expect(message.isWellFormed()).toBe(true);
  });

  it.each([
    ['not exported', { packageJson: { exports: { './other': './index.js' } } }, /"\." /],
    ['a file that is not there', { packageJson: { exports: './gone.js' } }, /gone\.js/],
  ])('fails when the entry is %s', async (_what, more, reason) => {
    expect(await failureOf(adapter('push() {}'), more)).toMatch(reason);
  });

  it('fails with the path of each wrong field of the configuration, and none of its values', async () => {
    const parts =
      'config: z.strictObject({ url: z.url(), login: z.object({ token: secret(z.string().min(99)) }) }), push() {}';
    const message = await failureOf(adapter(parts), {
      config: { url: SECRET, login: { token: SECRET }, [`x${1}`]: SECRET },
    });
    expect(message).toMatch(/config\.url: .*config\.login\.token: .*x1.*fix the adapter's configuration$/);
    expect(message).not.toContain(SECRET);
  });

  it('fails when a configuration is given and the adapter accepts none', async () => {
    expect(await failureOf(adapter('push() {}'), { config: { token: SECRET } })).toMatch(
      /^config\.token: .*has no configuration/,
    );
  });

  it('fails without the message of what open() throws', async () => {
    const message = await failureOf(adapter(`open() { throw new TypeError('${SECRET}'); }, push() {}`));
    expect(message).toContain('TypeError');
    expect(message).not.toContain(SECRET);
  });
}
