import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '@connectrpc/connect';
import { createConnectTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { AccessService, Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { TRACE_FOLDER_VARIABLE } from './trace-lines.ts';

/** A real hub with adapters that do nothing, in a process of its own, on a journal of its own. */
export interface HubProcess {
  readonly address: string;
  readonly pid: number;
  /** Of a publisher; undefined at a hub without authentication. */
  readonly token: string | undefined;
  stop(): Promise<void>;
}

export interface HubOptions {
  readonly adapters: readonly string[];
  /** Has the hub, and its adapters, say where each event is; the hub writes that into this folder when it stops. */
  readonly traceFolder?: string;
  /** The hub serves callers with a token alone. */
  readonly withTokens?: boolean;
  /** A PostgreSQL that holds the journal; absent: the embedded one. */
  readonly journalUrl?: string | undefined;
}

export async function startHub(options: HubOptions): Promise<HubProcess> {
  const folder = await mkdtemp(join(tmpdir(), 'hms-sync-bench-'));
  try {
    return await startIn(folder, options);
  } catch (error) {
    await rm(folder, { recursive: true });
    throw error;
  }
}

async function startIn(
  folder: string,
  { adapters: ids, traceFolder, withTokens = false, journalUrl: journal }: HubOptions,
): Promise<HubProcess> {
  const scope = join(folder, 'node_modules', '@hms-sync');
  await mkdir(scope, { recursive: true });
  const kind = traceFolder === undefined ? 'noop' : 'traced';
  await symlink(fileURLToPath(new URL(`../adapter-${kind}`, import.meta.url)), join(scope, `bench-adapter-${kind}`));
  const adapters = ids.map((id) => ({ package: `@hms-sync/bench-adapter-${kind}`, id }));
  const file = join(folder, 'hms-sync.yaml');
  // JSON is YAML.
  const auth = withTokens ? {} : 'none';
  await writeFile(file, JSON.stringify({ listen: '127.0.0.1:0', auth, logLevel: 'warn', adapters, journal }));
  const authFlags = withTokens ? [] : ['--i-accept-no-authentication'];
  const rootFlags = process.getuid?.() === 0 ? ['--allow-root'] : [];
  const main = fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/main'));
  const tracing = traceFolder === undefined ? [] : ['--import', import.meta.resolve('./trace-hub.ts')];
  // As `hms-sync start` does.
  const flags: string[] = JSON.parse(
    await readFile(fileURLToPath(import.meta.resolve('@hms-sync/sync-hub/node-flags')), 'utf8'),
  );
  const child = spawn(
    process.execPath,
    [...flags, ...process.execArgv, ...tracing, main, '--config', file, ...authFlags, ...rootFlags],
    {
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      env: { ...process.env, [TRACE_FOLDER_VARIABLE]: traceFolder },
    },
  );
  if (child.stdout === null) throw new Error('the hub has no stdout to read its address from');
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the hub ended with ${code} before it was ready`);
    }),
  ]);
  const { address, pid } = JSON.parse(line) as { address: string; pid: number };
  return {
    address,
    pid,
    token: withTokens ? await createToken(join(folder, '.hms-sync', 'hub.sock')) : undefined,
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error('the hub ended before it was stopped');
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}

/** A token of a publisher, made through the hub's socket. */
async function createToken(socket: string): Promise<string> {
  const baseUrl = 'http://localhost';
  const sessionManager = new Http2SessionManager(baseUrl, {}, { createConnection: () => connect(socket) });
  const access = createClient(AccessService, createConnectTransport({ httpVersion: '2', baseUrl, sessionManager }));
  const { text } = await access.createToken({ name: 'bench', role: Role.PUBLISHER, grants: { types: ['Process*'] } });
  sessionManager.abort();
  return text;
}
