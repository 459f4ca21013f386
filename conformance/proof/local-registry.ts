import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as elapse } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

const VERDACCIO = '6.10.4';
/** It wants node-fetch by a tag, which not every registry passes on. */
const OVERRIDES = { 'node-fetch': '2.7.0' };
const LOOK_EVERY_MS = 100;

/**
 * A real npm registry on loopback: Verdaccio, installed into a folder of its own. What was not published to it comes
 * from the registry that npm is configured for on this machine.
 */
export class LocalRegistry {
  readonly url: string;
  /** What npm needs to use it, with a cache of its own. */
  readonly env: Readonly<Record<string, string>>;
  readonly #process: ChildProcess;

  private constructor(url: string, env: Readonly<Record<string, string>>, process: ChildProcess) {
    this.url = url;
    this.env = env;
    this.#process = process;
  }

  /** @param folder empty or not there; everything is in it */
  static async start(folder: string): Promise<LocalRegistry> {
    const prefix = join(folder, 'verdaccio');
    await mkdir(prefix, { recursive: true });
    await writeFile(
      join(prefix, 'package.json'),
      JSON.stringify({ private: true, dependencies: { verdaccio: VERDACCIO }, overrides: OVERRIDES }),
    );
    await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: prefix });
    const setting = async (name: string) => (await run('npm', ['config', 'get', name], { cwd: prefix })).stdout.trim();
    const uplink = await setting('registry');
    const certificates = await setting('cafile');
    const config = join(folder, 'verdaccio.yaml');
    // JSON is YAML too.
    await writeFile(config, JSON.stringify(verdaccioConfig(folder, uplink)));
    const url = `http://127.0.0.1:${await freePort()}/`;
    const program = join(prefix, 'node_modules', 'verdaccio', 'bin', 'verdaccio');
    const child = spawn(process.execPath, [program, '--config', config, '--listen', url.slice('http://'.length, -1)], {
      stdio: 'ignore',
      // npm trusts this CA by its setting; Verdaccio is Node, which needs its own.
      env: { ...process.env, ...(certificates !== 'null' && { NODE_EXTRA_CA_CERTS: certificates }) },
    });
    const npmrc = join(folder, 'npmrc');
    // Whoever publishes has a token; this registry takes any.
    await writeFile(
      npmrc,
      `registry=${url}\n${url.slice('http:'.length)}:_authToken=anybody\naudit=false\nfund=false\n`,
    );
    const env = { npm_config_userconfig: npmrc, npm_config_cache: join(folder, 'npm-cache') };
    const registry = new LocalRegistry(url, env, child);
    await registry.#answers();
    return registry;
  }

  /** Runs npm against it; resolves to what it printed. */
  async npm(args: readonly string[], folder: string): Promise<string> {
    const env = { ...process.env, ...this.env };
    const { stdout } = await run('npm', [...args], { cwd: folder, env });
    return stdout;
  }

  async close(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGTERM');
    await ended;
  }

  async #answers(): Promise<void> {
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error(`verdaccio ended with ${this.#process.exitCode}`);
      const isUp = await fetch(`${this.url}-/ping`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) return;
      await elapse(LOOK_EVERY_MS);
    }
  }
}

function verdaccioConfig(folder: string, uplink: string): object {
  const ours = { access: '$all', publish: '$all' };
  return {
    storage: join(folder, 'storage'),
    auth: { htpasswd: { file: join(folder, 'htpasswd') } },
    uplinks: { machine: { url: uplink, timeout: '60s', max_fails: 10 } },
    packages: { '@hms-sync/*': ours, '@clinic/*': ours, '**': { access: '$all', proxy: 'machine' } },
    log: { type: 'stdout', level: 'fatal' },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
