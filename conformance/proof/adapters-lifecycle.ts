import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AdapterState } from '@hms-sync/proto/hms/sync/v1/health_service';
import { type RecordedCall, startSandbox } from '@hms-sync/sandbox';
import { createAdminClient } from '../src/admin-client.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { createSyncClient, first } from '../src/sync-client.ts';
import { grpcJs } from '../src/transports/grpc-js.ts';
import { LabAuthor, publishWorkspace } from './lab-author.ts';
import { LocalRegistry } from './local-registry.ts';
import { OrderBook } from './order-book.ts';
import { publishPersistently } from './persistent-publisher.ts';
import { judge } from './verdict.ts';

/**
 * `npm run adapters:lifecycle`: an author who never met us makes an adapter with `npm create`, publishes it to a real
 * registry on loopback, and an operator adds it to a running hub, upgrades it under load and rolls it back. In the end
 * what was accepted is compared with what arrived.
 */

const EVENTS_PER_SECOND = 1_000;
/** Enough that the pace holds while each key waits for its own answer. */
const KEYS = 64;
/** Published before and after each change of version. */
const BETWEEN = 2_000;
const MAX_CALLS = 2_000_000;
/** A machine under load takes its time. */
const PATIENCE_MS = 60_000;

const root = fileURLToPath(new URL('../..', import.meta.url));
const home = await mkdtemp(join(tmpdir(), 'hms-sync-lifecycle-'));
const sandbox = await startSandbox({ keepBodyBytes: 512 * 1024 * 1024, keepCalls: MAX_CALLS });
await sandbox.setFault('billing', { latencyMs: 2, jitterMs: 6 });
const stop = new AbortController();
let registry: LocalRegistry | undefined;
let folder: HubFolder | undefined;
let publishing: Promise<void> | undefined;

try {
  execFileSync('npx', ['nx', 'run-many', '-t', 'build'], { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  const started = await timed('a registry on loopback', () => LocalRegistry.start(join(home, 'registry')));
  registry = started;
  const desk = join(home, 'author');
  await mkdir(desk);
  await timed('publish our packages to it', () => publishWorkspace(started, desk));
  const author = await timed('npm create @hms-sync/adapter @clinic/lab', () => LabAuthor.begin(started, desk));
  await timed('npm publish 1.0.0', () => author.publish('1.0.0'));

  folder = await HubFolder.create({ config: { logLevel: 'error' }, env: started.env });
  const hub = await folder.start();
  const client = createSyncClient(grpcJs.create(hub.address));
  const admin = createAdminClient(grpcJs.create(hub.address));
  const configJson = JSON.stringify({ baseUrl: sandbox.urls.billing });
  const { warnings } = await timed('hms-sync adapter add @clinic/adapter-lab@^1.0.0', () =>
    admin.addAdapter({ package: '@clinic/adapter-lab@^1.0.0', configJson }),
  );
  if (warnings.length > 0) throw new Error(`its check warns: ${warnings.join('; ')}`);

  const book = new OrderBook();
  publishing = publishPersistently({
    address: () => hub.address,
    book,
    keys: KEYS,
    payloadBytes: 0,
    perSecond: EVENTS_PER_SECOND,
    signal: stop.signal,
    onFailed: (error) => console.error(error.message),
  });
  await timed(`deliver ${BETWEEN} events`, () =>
    sandbox.waitForCalls(BETWEEN, { system: 'billing', timeoutMs: PATIENCE_MS }),
  );
  await timed('npm publish 1.1.0', () => author.publish('1.1.0'));
  const before = { size: book.size, atMs: performance.now() };
  await timed('hms-sync adapter upgrade lab ^1.1.0', () => admin.upgradeAdapter({ adapter: 'lab', version: '^1.1.0' }));
  await book.reaches(book.size + BETWEEN);
  await timed('hms-sync adapter rollback lab', () => admin.rollbackAdapter('lab', 'to see it go back'));
  await book.reaches(book.size + BETWEEN);
  const pace = Math.round((book.size - before.size) / ((performance.now() - before.atMs) / 1_000));
  stop.abort();
  await publishing;
  const settled = ({ waiting, state }: { waiting: bigint; state: AdapterState }) =>
    state === AdapterState.READY && waiting === 0n;
  await first(client.watchHealth(), ({ adapters }) => adapters.every(settled));
  await timed('npm publish 1.2.0', () => author.publish('1.2.0'));
  await timed('hms-sync adapter upgrade lab ^1.2.0, at rest', () =>
    admin.upgradeAdapter({ adapter: 'lab', version: '^1.2.0' }),
  );
  client.close();
  admin.close();

  const calls = sandbox.calls({ limit: MAX_CALLS });
  const { lost, overtaken, undeclaredDuplicates } = judge(book, calls, ['billing']);
  for (const line of [...lost, ...overtaken, ...undeclaredDuplicates].slice(0, 20)) console.error(line);
  const versions = Map.groupBy(calls, versionOf);
  const made = [...versions].map(([version, its]) => `${its.length} by ${version}`).join(', ');
  console.log(`\n${book.size} events at ${pace}/s while it was replaced; ${made}`);
  console.log(
    `${lost.length} lost, ${overtaken.length} overtaken, ${undeclaredDuplicates.length} undeclared duplicates`,
  );
  const isProven = versions.has('1.0.0') && versions.has('1.1.0');
  if (!isProven) console.error('one of the versions made no call: this proved nothing');
  process.exitCode = isProven && lost.length + overtaken.length + undeclaredDuplicates.length === 0 ? 0 : 1;
} finally {
  stop.abort();
  await publishing;
  await folder?.remove();
  await registry?.close();
  await sandbox.close();
  await rm(home, { recursive: true, force: true });
}

async function timed<Result>(what: string, step: () => Promise<Result>): Promise<Result> {
  const startedMs = performance.now();
  const result = await step();
  console.log(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(6)} s  ${what}`);
  return result;
}

function versionOf({ body }: RecordedCall): string {
  return typeof body === 'object' && body !== null && 'version' in body ? String(body.version) : 'nobody knows whom';
}
