import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { runNpm } from './npm.ts';
import { useFolder } from './sample-package.fixture.ts';

/** An npm that does what the test says. */
async function npmThat(code: string) {
  const folder = await useFolder();
  const command = join(folder, 'npm.mjs');
  await writeFile(command, `#!/usr/bin/env node\nimport { writeFileSync } from 'node:fs';\n${code}`);
  await chmod(command, 0o755);
  return { folder, command };
}

const jsonError = (code: string, summary: string) =>
  `console.log(JSON.stringify({ error: ${JSON.stringify({ code, summary })} })); process.exit(1);`;

it.each([
  [
    'E404',
    'Not Found - GET https://registry.example/lab',
    'NOT_FOUND',
    'npm found no such package or version: Not Found',
  ],
  ['ETARGET', 'No matching version found for lab@^9.', 'NOT_FOUND', 'No matching version found for lab@^9.'],
  ['ECONNREFUSED', 'request to https://registry.example/ failed', 'NPM_FAILED', 'npm ended with ECONNREFUSED'],
])('reports %s in words', async (code, summary, fault, says) => {
  const { folder, command } = await npmThat(jsonError(code, summary));
  await expect(runNpm({ name: 'install' }, folder, { command })).rejects.toMatchObject({
    code: fault,
    message: expect.stringContaining(says),
  });
});

it('takes what it wrote as lines when it came to no JSON, and no password with it', async () => {
  const line = 'npm error request to https://dana:hunter2@registry.example/lab failed';
  const { folder, command } = await npmThat(`console.error('npm error code EAI_AGAIN\\n${line}'); process.exit(1);`);
  const message = 'npm ended with EAI_AGAIN: request to https://registry.example/lab failed';
  await expect(runNpm({ name: 'install' }, folder, { command })).rejects.toMatchObject({ code: 'NPM_FAILED', message });
});

it.runIf(process.platform !== 'win32')('runs an npm that opens no debugger for SIGUSR1', async () => {
  const { folder, command } = await npmThat(
    `import { url } from 'node:inspector';
     process.kill(process.pid, 'SIGUSR1');
     setTimeout(() => writeFileSync('said', String(url())), 200);`,
  );
  await runNpm({ name: 'install' }, folder, { command });
  expect(await readFile(join(folder, 'said'), 'utf8')).toBe('undefined');
});

it('waits for no npm that hangs', async () => {
  const { folder, command } = await npmThat('setInterval(() => {}, 1_000);');
  await expect(runNpm({ name: 'install' }, folder, { command, timeoutMs: 50 })).rejects.toThrow(
    'did not finish within 0.05 s',
  );
});

it('waits for nothing that an npm which hangs has started, and leaves nothing of it behind', async () => {
  // It holds what npm writes to, in npm's process group and out of it.
  const { folder, command } = await npmThat(`import { spawn } from 'node:child_process';
const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1_000)'], { stdio: 'inherit' });
writeFileSync('child', String(child.pid));
setInterval(() => {}, 1_000);`);
  const running = runNpm({ name: 'install' }, folder, { command, timeoutMs: 3_000 });
  await expect(running).rejects.toThrow('did not finish within 3 s');
  const pid = Number(await readFile(join(folder, 'child'), 'utf8'));
  await vi.waitFor(() => expect(() => process.kill(pid, 0)).toThrow('ESRCH'), 10_000);
});

it('gives npm its own settings, proxies and certificates, and no secret of the hub', async () => {
  vi.stubEnv('BILLING_TOKEN', 'hunter2');
  vi.stubEnv('NODE_OPTIONS', '--title=hunter2');
  vi.stubEnv('https_proxy', 'http://proxy.example:3128');
  vi.stubEnv('NODE_EXTRA_CA_CERTS', '/etc/clinic-ca.pem');
  vi.stubEnv('npm_config_cache', '/var/cache/npm');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { folder, command } = await npmThat(`writeFileSync('seen.json', JSON.stringify(process.env));`);
  await runNpm({ name: 'install' }, folder, { command });
  const seen = await readFile(join(folder, 'seen.json'), 'utf8');
  expect(seen).not.toContain('hunter2');
  const { PATH, HOME } = process.env;
  const network = { https_proxy: 'http://proxy.example:3128', NODE_EXTRA_CA_CERTS: '/etc/clinic-ca.pem' };
  expect(JSON.parse(seen)).toMatchObject({ PATH, HOME, npm_config_cache: '/var/cache/npm', ...network });
  const known =
    /^(PATH|HOME|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|NODE_USE_SYSTEM_CA|SSL_CERT_\w+|\w+_proxy|npm_config_\w+)$/i;
  // Added by the system that starts a program, such as __CF_USER_TEXT_ENCODING of macOS.
  const given = Object.keys(JSON.parse(seen)).filter((name) => !name.startsWith('__'));
  expect(given.filter((name) => !known.test(name))).toEqual([]);
});

it('says that a dependency by git is not allowed where npm has refused it', async () => {
  const { folder, command } = await npmThat(
    jsonError('EALLOWGIT', 'Fetching packages of type "git" have been disabled'),
  );
  await expect(runNpm({ name: 'install' }, folder, { command })).rejects.toMatchObject({
    code: 'NOT_ALLOWED',
    message: expect.stringContaining('dependencies come from the registry alone'),
  });
});

it('runs in the folder, without scripts, and not as part of the package that an npm around the hub runs', async () => {
  vi.stubEnv('npm_package_name', 'the-hub');
  vi.stubEnv('npm_config_workspace', 'apps/sync-hub');
  vi.stubEnv('npm_config_registry', 'http://127.0.0.1:1/');
  onTestFinished(() => void vi.unstubAllEnvs());
  const { folder, command } = await npmThat(
    `const { npm_package_name, npm_config_workspace, npm_config_registry } = process.env;
writeFileSync('seen.json', JSON.stringify([process.argv.slice(2), { npm_package_name, npm_config_workspace, npm_config_registry }]));`,
  );
  await runNpm({ name: 'install', flags: ['--omit=dev'], packages: ['./adapter.tgz', '-x'] }, folder, { command });
  const { default: seen } = await import(join(folder, 'seen.json'), { with: { type: 'json' } });
  expect(seen[0]).toEqual(expect.arrayContaining(['install', '--omit=dev', '--ignore-scripts', '--no-audit']));
  // What is behind it npm takes for a name, whatever it begins with.
  expect(seen[0].slice(-3)).toEqual(['--', './adapter.tgz', '-x']);
  expect(seen[1]).toEqual({ npm_config_registry: 'http://127.0.0.1:1/' });
});
