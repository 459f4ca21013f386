import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Role } from '@hms-sync/proto/hms/sync/v1/access_service';
import { tokensBySocket } from '../src/access/tokens.ts';
import { EndedEarly } from '../src/child.ts';
import type { Hub } from '../src/hub.ts';
import { HubFolder } from '../src/hub-folder.ts';
import { type RawResponse, request } from '../src/raw-request.ts';

/**
 * `npm run attack`: what somebody without a right to it tries with a hub, each a real request or process against a real
 * hub that `hms-sync start` would start. A line for each that reached what it wanted; the last line is the sum.
 *
 * `npm run attack -- --without-auth` shows that the attacks are real: the same against `auth: none`.
 */

const isOpen = process.argv.includes('--without-auth');
/** In every payload that is published here: whoever reads it has reached a payload. */
const MARKER = 'marked-payload-7f3a';

interface Attack {
  readonly name: string;
  /** Resolves with true when it reached what it wanted. */
  readonly run: () => Promise<boolean>;
}

const folder = await HubFolder.create({ config: isOpen ? {} : { auth: {} } });
let hub: Hub = await folder.start();
const texts: Record<string, string> = {};

const ADMIN = '/hms.sync.v1.AdminService/';
const SYNC = '/hms.sync.v1.SyncService/';
const ACCESS = '/hms.sync.v1.AccessService/';
const reason = 'attack';

/** What an attacker wants to do, by every rpc that changes or shows something. */
const WISHES: readonly (readonly [what: string, path: string, body: unknown])[] = [
  ['publish', `${SYNC}PublishAndWait`, { event: { type: 'ProcessUpdated' }, wait: '0s' }],
  [
    'read an event with its payload',
    `${SYNC}GetEvent`,
    { id: 'secret-event', source: 'owner', includePayload: true, reason },
  ],
  ['list deliveries', `${ADMIN}ListDeliveries`, {}],
  ['count deliveries', `${ADMIN}CountDeliveries`, {}],
  ['discard the whole queue', `${ADMIN}DiscardDeliveries`, { filter: { since: '2020-01-01T00:00:00Z' }, reason }],
  ['replay everything', `${ADMIN}ReplayDeliveries`, { filter: { since: '2020-01-01T00:00:00Z' }, reason }],
  ['pause an adapter', `${ADMIN}PauseAdapter`, { adapter: 'billing', reason }],
  ['resume an adapter', `${ADMIN}ResumeAdapter`, { adapter: 'billing', reason }],
  ['probe an adapter', `${ADMIN}ProbeAdapter`, { adapter: 'billing' }],
  ['restart an adapter', `${ADMIN}RestartAdapter`, { adapter: 'billing', reason }],
  ['install code', `${ADMIN}AddAdapter`, { package: '/tmp/evil', id: 'evil' }],
  ['install code of the registry', `${ADMIN}AddAdapter`, { package: 'evil@1.0.0', id: 'evil' }],
  ['replace code', `${ADMIN}UpgradeAdapter`, { adapter: 'billing', version: '/tmp/evil' }],
  ['remove an adapter', `${ADMIN}RemoveAdapter`, { adapter: 'billing', reason }],
  ['copy the journal', `${ADMIN}BackupJournal`, { path: 'stolen' }],
  ['make a token', `${ACCESS}CreateToken`, { name: 'mallory', role: 'ROLE_ADMIN' }],
  ['list tokens', `${ACCESS}ListTokens`, {}],
  ['rotate a token', `${ACCESS}RotateToken`, { name: 'admin' }],
  ['revoke a token', `${ACCESS}RevokeToken`, { name: 'admin', reason }],
  ['read health', '/hms.sync.v1.HealthService/GetHealth', {}],
];
/** What a role has no right to: the names of the wishes that it may have. */
const RIGHTS: Readonly<Record<string, readonly string[]>> = {
  publisher: ['publish', 'read health'],
  viewer: ['list deliveries', 'count deliveries', 'read health'],
  auditor: ['read health'],
};

await makeTokens();
const attacks: Attack[] = [
  ...WISHES.map(([what, path, body]) => ({ name: `${what} without a credential`, run: () => allowed(path, body) })),
  ...['wrong', 'mistyped', 'revoked'].flatMap((kind) =>
    WISHES.slice(0, 6).map(([what, path, body]) => ({
      name: `${what} with a ${kind} token`,
      run: () => allowed(path, body, { authorization: `Bearer ${texts[kind]}` }),
    })),
  ),
  ...Object.entries(RIGHTS).flatMap(([role, rights]) =>
    WISHES.filter(([what]) => !rights.includes(what)).map(([what, path, body]) => ({
      name: `${what} as a ${role}`,
      run: () => allowed(path, body, as(role)),
    })),
  ),
  {
    name: 'publish by POST /sync without a credential',
    run: async () => (await post('/sync', { type: 'ProcessUpdated' })).status < 400,
  },
  { name: 'send a token in the URL', run: () => inUrl() },
  {
    name: 'send two credentials, the second one right',
    run: () => allowed(`${ADMIN}ListDeliveries`, {}, { authorization: `Bearer hms_x, Bearer ${texts.admin}` }),
  },
  {
    name: 'send a right token as Basic',
    run: () => allowed(`${ADMIN}ListDeliveries`, {}, { authorization: `Basic ${texts.admin}` }),
  },
  {
    name: 'send a credential of a megabyte',
    run: () => allowed(`${ADMIN}ListDeliveries`, {}, { authorization: `Bearer ${'a'.repeat(1_000_000)}` }),
  },
  { name: "publish under another publisher's source", run: () => publishedAs('owner') },
  { name: "take another publisher's id", run: () => takenId() },
  {
    name: "read another publisher's event",
    run: () => contains(`${SYNC}GetEvent`, { id: 'secret-event', source: 'owner', includePayload: true }, MARKER),
  },
  {
    name: "find another publisher's event by its id alone",
    run: () => contains(`${SYNC}GetEvent`, { id: 'secret-event' }, 'owner'),
  },
  { name: 'call an rpc that the table does not list', run: () => allowed(`${ADMIN}DropEverything`, {}, as('admin')) },
  ...pages(),
  {
    name: "open the hub's socket as another user",
    run: () =>
      asOtherUser(
        `require('node:net').connect(${JSON.stringify(socket())}).on('connect',()=>process.exit(0)).on('error',()=>process.exit(1))`,
      ),
  },
  {
    name: 'read the tokens as another user',
    run: () => asOtherUser(`require('node:fs').readFileSync(${JSON.stringify(dataFile('access.db'))});process.exit(0)`),
  },
  {
    name: 'read the journal as another user',
    run: () =>
      asOtherUser(`require('node:fs').readFileSync(${JSON.stringify(dataFile('journal.db'))});process.exit(0)`),
  },
  { name: 'find a token on disk, or in the log', run: async () => tokenIsWritten() },
  { name: 'find a token in the arguments or the environment of a process', run: async () => tokenIsInProcesses() },
  { name: 'make the hub unpack 8 bombs without a credential', run: () => bombs() },
  { name: 'revive a revoked token by an old backup', run: () => revived() },
  { name: 'start beyond loopback without TLS', run: () => starts({ auth: {}, listen: '0.0.0.0:0' }) },
  { name: 'start without authentication, unasked', run: () => starts('listen: 127.0.0.1:0\nauth: none\n') },
];

let reached = 0;
for (const { name, run } of attacks) {
  if (!(await run())) continue;
  reached += 1;
  console.log(`reached: ${name}`);
}
console.log(`${attacks.length} attacks, ${reached} reached`);
await folder.remove();
process.exit(reached === 0 ? 0 : 1);

async function makeTokens(): Promise<void> {
  const tokens = tokensBySocket(folder.path);
  texts.admin = await tokens.create({ name: 'admin', role: Role.ADMIN });
  texts.publisher = await tokens.create({ name: 'publisher', role: Role.PUBLISHER });
  texts.owner = await tokens.create({ name: 'owner', role: Role.PUBLISHER });
  texts.viewer = await tokens.create({ name: 'viewer', role: Role.VIEWER });
  texts.auditor = await tokens.create({ name: 'auditor', role: Role.AUDITOR });
  texts.revoked = await tokens.create({ name: 'revoked', role: Role.ADMIN });
  await tokens.access.revokeToken({ name: 'revoked', reason });
  tokens.close();
  texts.wrong = 'letmein';
  texts.mistyped = `${texts.admin.slice(0, -1)}!`;
  const event = { id: 'secret-event', source: 'owner', type: 'ProcessUpdated', json: { note: MARKER } };
  await post(`${SYNC}PublishAndWait`, { event, wait: '0s' }, as('owner'));
}

function as(name: string): Record<string, string> {
  return { authorization: `Bearer ${texts[name]}` };
}

async function post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<RawResponse> {
  const sent = Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const answer = await request(hub.address, {
    ...{ httpVersion: '1.1', path, body: sent },
    headers: { 'content-type': 'application/json', ...headers },
  }).catch(() => 'connection closed' as const);
  return answer === 'connection closed' ? { status: 0, headers: {}, trailers: {}, body: Buffer.alloc(0) } : answer;
}

/** Whether the hub let the call in: any answer other than that the caller may not make it. */
async function allowed(path: string, body: unknown, headers: Record<string, string> = {}): Promise<boolean> {
  const { status, body: answer } = await post(path, body, headers);
  // Whoever learns that there is no such adapter, token or package was let in.
  if (status === 404) return /"(?:ADAPTER|TOKEN|PACKAGE|JOB)_NOT_FOUND"/.test(answer.toString());
  return ![0, 401, 403, 421, 429, 431].includes(status);
}

async function contains(path: string, body: unknown, text: string): Promise<boolean> {
  const answer = await post(path, body, as('publisher'));
  const encoded = Buffer.from(JSON.stringify({ note: text })).toString('base64');
  return answer.status === 200 && [text, encoded].some((one) => answer.body.includes(one));
}

async function inUrl(): Promise<boolean> {
  return (await post(`/sync?access_token=${texts.admin}`, { type: 'ProcessUpdated' })).status < 400;
}

async function publishedAs(source: string): Promise<boolean> {
  const { status } = await post(`${SYNC}PublishAndWait`, { event: { type: 'A', source }, wait: '0s' }, as('publisher'));
  return status === 200;
}

/** Publishes the id first: the real event of its owner must still be accepted. */
async function takenId(): Promise<boolean> {
  const event = { id: 'next-event', type: 'ProcessUpdated', json: { note: 'not the real one' } };
  await post(`${SYNC}PublishAndWait`, { event, wait: '0s' }, as('publisher'));
  const real = await post(
    `${SYNC}PublishAndWait`,
    { event: { ...event, json: { note: 'real' } }, wait: '0s' },
    as('owner'),
  );
  return real.status !== 200;
}

/** What a web page in a browser of the operator can send, with a credential that the browser would not even have. */
function pages(): readonly Attack[] {
  const from: readonly (readonly [string, Record<string, string>])[] = [
    ['another site', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }],
    ['a page without an Origin', { 'sec-fetch-site': 'cross-site' }],
    ['a name that was made to mean this machine', { host: 'rebound.example' }],
    ['the same site by another name', { origin: 'https://other.clinic.example', 'sec-fetch-site': 'same-site' }],
  ];
  return from.map(([who, headers]) => ({
    name: `call the hub from ${who}`,
    run: () => allowed(`${ADMIN}ListDeliveries`, {}, { ...as('admin'), ...headers }),
  }));
}

function dataFile(name: string): string {
  return join(folder.path, '.hms-sync', name);
}

function socket(): string {
  return dataFile('hub.sock');
}

/** Whether code ends with 0 as nobody, a user without rights. */
async function asOtherUser(code: string): Promise<boolean> {
  if (process.getuid?.() !== 0) throw new Error('only root can act as another user: run the attacks as root');
  const child = spawn(process.execPath, ['-e', code], { uid: 65_534, gid: 65_534, stdio: 'ignore', cwd: '/' });
  return new Promise((resolve) => {
    child.once('error', () => resolve(false));
    child.once('exit', (status) => resolve(status === 0));
  });
}

function everyFile(path: string): readonly string[] {
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function secrets(): readonly string[] {
  return ['admin', 'publisher', 'owner', 'viewer', 'auditor'].map((name) => texts[name]?.slice(13, 40) ?? '');
}

function tokenIsWritten(): boolean {
  const written = [
    ...everyFile(join(folder.path, '.hms-sync')).map((path) => readFileSync(path)),
    Buffer.from(hub.log),
  ];
  return secrets().some((secret) => written.some((bytes) => bytes.includes(secret)));
}

function tokenIsInProcesses(): boolean {
  return ['cmdline', 'environ'].some((name) => {
    const bytes = readFileSync(`/proc/${hub.pid}/${name}`);
    return secrets().some((secret) => bytes.includes(secret));
  });
}

/** 4 KB each that unfold into two million empty members: reached when that costs the hub more than 50 ms of CPU. */
async function bombs(): Promise<boolean> {
  const bomb = gzipSync(Buffer.from(`{"event":{"type":"A","json":{"a":[${'{},'.repeat(1_000_000)}{}]}}}`));
  const before = cpuMs();
  const headers = { 'content-encoding': 'gzip' };
  await Promise.all(Array.from({ length: 8 }, () => post(`${SYNC}PublishAndWait`, bomb, headers)));
  return cpuMs() - before > 50;
}

/** User and system time of the hub, by Linux. */
function cpuMs(): number {
  const fields = readFileSync(`/proc/${hub.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function revived(): Promise<boolean> {
  const backup = await post(`${ADMIN}BackupJournal`, { path: 'old' }, as('admin'));
  // Its token was revoked by an attack before.
  if (backup.status !== 200 && isOpen) return true;
  if (backup.status !== 200) throw new Error(`no backup was made: ${backup.body}`);
  const tokens = tokensBySocket(folder.path);
  const late = await tokens.create({ name: 'late', role: Role.ADMIN });
  await tokens.access.revokeToken({ name: 'late', reason });
  tokens.close();
  await hub.stop();
  const old = join(folder.path, '.hms-sync', 'backups', 'old');
  for (const name of readdirSync(old)) {
    if (name === 'access.db') return true;
    if (statSync(join(old, name)).isFile()) await cp(join(old, name), dataFile(name));
  }
  await rm(dataFile('journal.db-wal'), { force: true });
  hub = await folder.start();
  return allowed(`${ADMIN}ListDeliveries`, {}, { authorization: `Bearer ${late}` });
}

/** Whether a hub starts with a configuration, instead of ending with 2. */
async function starts(config: Record<string, unknown> | string): Promise<boolean> {
  const other = await HubFolder.create({ config: {} });
  try {
    // A text starts without the flag that `auth: none` needs.
    await other.configure(config);
    await (await other.start()).stop();
    return true;
  } catch (error) {
    if (error instanceof EndedEarly && error.ending.code === 2) return false;
    throw error;
  } finally {
    await other.remove();
  }
}
