import { readFile } from 'node:fs/promises';
import { BlockList, isIPv6 } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { quotableName } from '@hms-sync/adapter-sdk/host';
import { CALLS_OF_CALLER, type CallerBounds } from '../access/caller-limits.ts';
import type { CertificateRule } from '../access/client-certificate.ts';
import type { JwtIssuer } from '../access/jwt.ts';
import { type BreakerPolicy, DEFAULT_BREAKER } from '../core/breaker-policy.ts';
import type { OnDeadLetter } from '../core/lane-messages.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../core/retry.ts';
import { parsePackageName } from '../installs/package-spec.ts';
import type { TlsPaths } from '../tls/tls-files.ts';
import { adapterPlace, ConfigError, issueInWords } from './config-error.ts';
import { type ConfigFile, configFile, logLevels, type runtimes } from './config-file.ts';
import { DEFAULT_LISTEN, isLoopback, type ListenAddress, parseListen } from './listen-address.ts';
import { rejectedReferences, resolveReferences } from './references.ts';
import type { Secrets } from './secrets.ts';
import { bytesOf, toDiskReserve } from './sizes.ts';
import { readYaml } from './yaml.ts';

/** All that an operator can set, checked and frozen. */
export interface Config {
  readonly listen: ListenAddress;
  /** Where callers find the hub beside its own addresses. */
  readonly publicUrls: readonly string[];
  /** Undefined: in clear, on loopback only. `terminated`: in clear, by a proxy that speaks TLS. */
  readonly tls: TlsPaths | 'terminated' | undefined;
  /** Proxies that say from where a request comes. Undefined: none. */
  readonly trustedProxies: BlockList | undefined;
  /** The only addresses that may connect: these proxies and this machine. Undefined: all. */
  readonly callers: BlockList | undefined;
  readonly auth: AuthConfig;
  /** The most connections at a time, where it is set. */
  readonly connections: { readonly inAll?: number; readonly perAddress?: number };
  readonly perCaller: CallerBounds;
  /** What the hub keeps for itself, and the embedded journal; absolute. */
  readonly dataDir: string;
  /** The PostgreSQL that holds the journal, with its password; undefined: the embedded one in dataDir. */
  readonly journalUrl: string | undefined;
  /** Where backups are made; absolute. */
  readonly backupsFolder: string;
  /** How many days of records of the audit log are kept. */
  readonly auditKeepDays: number;
  /** New events are refused with less than this free on the disk of the data folder. */
  readonly diskReserveBytes: number;
  readonly logLevel: (typeof logLevels)[number];
  /** The most payload that an event may carry. */
  readonly eventBytesMax: number;
  /** How long an event is kept after its last delivery was settled, and with it its id. */
  readonly settledMs: number;
  readonly adapters: readonly AdapterConfig[];
  /** Where `${NAME}` is looked up. */
  readonly secrets: Secrets;
  /** What adapters may ask for, and what those that are added while the hub runs may use. */
  readonly adapterPolicy: AdapterPolicy;
  /** The configuration file's folder: adapter packages are looked up from here. */
  readonly folder: string;
  /** The file as it is written, to see later what changed in it. */
  readonly written: ConfigFile;
}

type AuthFile = Exclude<ConfigFile['auth'], 'none' | undefined>;

export interface AuthConfig {
  /** Who may call over TCP without a credential. */
  readonly withoutCredential: 'nobody' | 'anonymous' | 'everybody';
  /** Tokens of the file. */
  readonly tokens: NonNullable<AuthFile['tokens']>;
  /** Issuers whose JWTs are accepted. */
  readonly jwt: readonly JwtIssuer[];
  /** Whose client certificates give which role. */
  readonly mtls: readonly CertificateRule[];
}

export interface AdapterPolicy {
  /** Patterns of the packages that others than an administrator may install. */
  readonly allow: readonly string[];
  /** Patterns of the only names that they may refer to as `${NAME}`. */
  readonly secrets: readonly string[];
  /** What a package may ask for at most, wherever it comes from. */
  readonly maxMemoryMb: number;
  /** Required: a package that does not declare its permissions does not run. */
  readonly permissions: 'required' | 'optional';
}

/** Where an adapter is served, and how the two know each other. */
export interface RemoteConfig {
  /** As `host:port`. */
  readonly address: string;
  /** Absolute paths of PEM files. Without ca: the authorities that Node knows. Without cert and key: no client certificate. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** In clear. */
  readonly token: string | undefined;
  /** No TLS. */
  readonly plaintext: boolean;
}

export interface AdapterConfig {
  /** Empty for a remote one. */
  readonly package: string;
  /** Which versions of what the hub installed may load. Undefined: it is in node_modules, or elsewhere. */
  readonly range: string | undefined;
  /** How its code runs. */
  readonly runtime: (typeof runtimes)[number];
  /** For `remote` alone. */
  readonly remote: RemoteConfig | undefined;
  /** Undefined: the id of its manifest. */
  readonly id: string | undefined;
  /** The adapter's own part, secrets in clear. */
  readonly config: unknown;
  /** References in it that could not be resolved; with any, the adapter cannot start. */
  readonly missing: readonly string[];
  /** The same, with the secrets as they are now. */
  readonly reload: () => AdapterConfig;
  /** Prefix of the adapter's own settings. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly retry: RetryPolicy;
  readonly breaker: BreakerPolicy;
  readonly onDeadLetter: OnDeadLetter;
}

/** Where settings come from, each going before the one left of it: file, environment, flags. */
export interface ConfigSources {
  /** Path of hms-sync.yaml. */
  readonly file: string;
  /** A variable that is set to nothing counts as not set. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: {
    readonly listen?: string | undefined;
    readonly dataDir?: string | undefined;
    readonly journal?: string | undefined;
    readonly logLevel?: string | undefined;
    /** `auth: none` was meant. Absent where the file is only checked, and no hub starts. */
    readonly acceptNoAuthentication?: boolean | undefined;
    /** Callers without a credential may publish, on loopback. */
    readonly dev?: boolean | undefined;
  };
}

/** A process of its own is what keeps an adapter's trouble its own. */
const DEFAULT_RUNTIME = 'process';
/** Room for a large process definition; more belongs into a store, with a reference in the event. */
const DEFAULT_EVENT_BYTES = 256 * 1024;
/** A publisher that was down over a long weekend still finds what it published before. */
const DEFAULT_SETTLED_DAYS = 7;
/** Six years, as HIPAA (45 CFR 164.316) asks for. */
const DEFAULT_AUDIT_DAYS = 2_190;
/** Twice what a package gets that does not say what it needs. */
const DEFAULT_MAX_MEMORY_MB = 1_024;
const DAY_MS = 86_400_000;

/**
 * Reads the configuration once.
 *
 * @throws {ConfigError} naming the file, the field and what to do
 */
export async function loadConfig({ file, env, flags }: ConfigSources): Promise<Config> {
  const path = resolve(file);
  const settings = check(path, readYaml(path, await readFileBytes(path)));
  const folder = dirname(path);
  const listen = firstSet([
    ['--listen', flags.listen],
    ['HMS_SYNC_LISTEN', env.HMS_SYNC_LISTEN],
    [`${path}: listen`, settings.listen ?? DEFAULT_LISTEN],
  ]);
  const logLevel = firstSet([
    ['--log-level', flags.logLevel],
    ['HMS_SYNC_LOG_LEVEL', env.HMS_SYNC_LOG_LEVEL],
    [`${path}: logLevel`, settings.logLevel ?? 'info'],
  ]);
  // A path in the file is meant from the file; one given by hand, from where the hand is.
  const [, dataDir] = firstSet([
    ['--data-dir', flags.dataDir && resolve(flags.dataDir)],
    ['HMS_SYNC_DATA_DIR', env.HMS_SYNC_DATA_DIR && resolve(env.HMS_SYNC_DATA_DIR)],
    [`${path}: dataDir`, resolve(folder, settings.dataDir ?? '.hms-sync')],
  ]);
  const secrets = Object.freeze({
    folder: settings.secretsDir === undefined ? undefined : resolve(folder, settings.secretsDir),
    env,
  });
  const address = parseListen(...listen);
  return Object.freeze({
    listen: address,
    tls: inFile(path, () => toTls(settings, { address, folder })),
    trustedProxies: toBlockList(settings.trustedProxies),
    callers: toBlockList(settings.trustedProxies, ['127.0.0.0/8', '::1']),
    auth: inFile(path, () => toAuth(settings, { address, flags })),
    publicUrls: Object.freeze([...(settings.publicUrls ?? [])]),
    connections: toConnections(settings.limits),
    perCaller: toCallerBounds(settings.limits?.perCaller),
    dataDir,
    journalUrl: toJournalUrl(
      firstSet([
        ['--journal', flags.journal],
        ['HMS_SYNC_JOURNAL', env.HMS_SYNC_JOURNAL],
        [`${path}: journal`, settings.journal ?? ''],
      ]),
      secrets,
    ),
    backupsFolder: settings.backups?.folder ? resolve(folder, settings.backups.folder) : join(dataDir, 'backups'),
    auditKeepDays: settings.audit?.keepDays ?? DEFAULT_AUDIT_DAYS,
    diskReserveBytes: toDiskReserve(settings.diskReserve),
    logLevel: parseLogLevel(...logLevel),
    eventBytesMax: settings.limits?.eventBytes ?? DEFAULT_EVENT_BYTES,
    settledMs: (settings.retention?.settledDays ?? DEFAULT_SETTLED_DAYS) * DAY_MS,
    adapters: Object.freeze(
      (settings.adapters ?? []).map((adapter, index) =>
        inFile(path, () => toAdapterConfig(adapter, { at: `${adapterPlace(index, adapter)}: `, folder, secrets })),
      ),
    ),
    secrets,
    adapterPolicy: Object.freeze({
      allow: Object.freeze(settings.adapterPolicy?.allow ?? []),
      secrets: Object.freeze(settings.adapterPolicy?.secrets ?? []),
      maxMemoryMb: settings.adapterPolicy?.maxMemoryMb ?? DEFAULT_MAX_MEMORY_MB,
      permissions: settings.adapterPolicy?.permissions ?? 'optional',
    }),
    folder,
    written: settings,
  });
}

/** Behind the user, or as a parameter; in clear, as one that is a reference is not. */
const PASSWORD = /^[^/]*\/\/[^/@:]*:(?!\$\{\w+\}@)[^@?]+@|[?&]password=(?!\$\{\w+\}(?:&|$))/;
const PASSWORD_ADVICE =
  `holds a password, which others could read there; write \${NAME} instead, such as postgres://hub:\${DATABASE_PASSWORD}@db/hms, ` +
  'for the file of that name in secretsDir or the environment variable, or set PGPASSWORD or PGPASSFILE';

/**
 * Its `${NAME}` are replaced: a password is no text of the file, and no argument that every process may see.
 *
 * @throws {ConfigError}
 */
function toJournalUrl([source, text]: Setting, secrets: Secrets): string | undefined {
  if (text === '') return undefined;
  if (source !== 'HMS_SYNC_JOURNAL' && PASSWORD.test(text)) throw new ConfigError(`${source}: ${PASSWORD_ADVICE}`);
  const resolve = (part: string): string => {
    const { value, missing } = resolveReferences(part, source, secrets);
    if (missing.length > 0) throw new ConfigError(missing.join('\n'));
    return String(value);
  };
  // A password may hold what has a meaning in a URL.
  const encoded = text.replaceAll(
    /(:|[?&]password=)(\$\{\w+\})(?=@|&|$)/g,
    (_all, before: string, reference: string) => before + encodeURIComponent(resolve(reference)),
  );
  const url = resolve(encoded);
  if (!/^postgres(?:ql)?:\/\/[^/]*\/.+$/.test(url) || !URL.canParse(url))
    throw new ConfigError(`${source}: must be postgres://<user>@<host>:5432/<database>`);
  return url;
}

interface AuthPlace {
  readonly address: ListenAddress;
  readonly flags: ConfigSources['flags'];
}

/**
 * Who may call without a credential. What is dangerous is asked for at each start, by hand.
 *
 * @throws {ConfigError}
 */
function toAuth({ auth, tls }: ConfigFile, { address, flags }: AuthPlace): AuthConfig {
  const { acceptNoAuthentication, dev = false } = flags;
  const isOpen = auth === 'none';
  if (isOpen && acceptNoAuthentication === false) {
    throw new ConfigError(
      'auth: none makes every process of this machine an administrator of the hub; start it with --i-accept-no-authentication, or remove auth',
    );
  }
  if (!isOpen && acceptNoAuthentication) throw new ConfigError('--i-accept-no-authentication is only for auth: none');
  if (!isLoopback(address.host)) {
    if (isOpen) throw new ConfigError(`auth: none is possible on loopback only, and listen is ${address.host}`);
    if (dev) throw new ConfigError(`--dev is possible on loopback only, and listen is ${address.host}`);
  }
  const { tokens = [], jwt = [], mtls = [] } = isOpen ? {} : (auth ?? {});
  if (mtls.length > 0 && (typeof tls !== 'object' || tls.clientCa === undefined)) {
    throw new ConfigError('auth.mtls needs tls.clientCa, by whose authority client certificates are verified');
  }
  const twice = jwt.find(({ issuer }, index) => jwt.findIndex((other) => other.issuer === issuer) < index);
  if (twice !== undefined)
    throw new ConfigError(`auth.jwt: ${quotableName(twice.issuer)} is there twice; write one with all rules`);
  return Object.freeze({
    withoutCredential: isOpen ? 'everybody' : dev ? 'anonymous' : 'nobody',
    tokens: Object.freeze([...tokens]) as AuthConfig['tokens'],
    jwt: Object.freeze([...jwt]),
    mtls: Object.freeze([...mtls]),
  });
}

/**
 * How callers are protected on their way. Beyond this machine nothing goes in clear, except from a proxy that is named.
 *
 * @throws {ConfigError}
 */
function toTls(
  { tls, trustedProxies }: ConfigFile,
  { address, folder }: { readonly address: ListenAddress; readonly folder: string },
): Config['tls'] {
  const { host } = address;
  if (trustedProxies !== undefined && tls !== 'terminated')
    throw new ConfigError('trustedProxies is for tls: terminated alone');
  if (typeof tls === 'object') {
    const { cert, key, clientCa, crl, minVersion = 'TLSv1.2' } = tls;
    const from = (file: string) => resolve(folder, file);
    return Object.freeze({
      ...{ cert: from(cert), key: from(key), minVersion },
      ...{ clientCa: clientCa && from(clientCa), crl: crl && from(crl) },
    });
  }
  if (isLoopback(host)) return tls;
  if (tls === undefined) {
    throw new ConfigError(
      `listen is ${host}, which other machines may reach, and tls is missing; write tls: { cert: hub.pem, key: hub-key.pem }, ` +
        'or tls: terminated with trustedProxies: [<address>] for a proxy that speaks TLS, or listen on 127.0.0.1',
    );
  }
  if (trustedProxies === undefined) {
    throw new ConfigError(
      `tls: terminated needs trustedProxies: [<address>], as listen is ${host}: only a proxy that speaks TLS may reach the hub in clear`,
    );
  }
  return tls;
}

function toBlockList(networks: ConfigFile['trustedProxies'], more: readonly string[] = []): BlockList | undefined {
  if (networks === undefined) return undefined;
  const list = new BlockList();
  for (const network of [...networks, ...more]) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

function toConnections({ connections, connectionsPerAddress }: NonNullable<ConfigFile['limits']> = {}) {
  return Object.freeze({
    ...(connections !== undefined && { inAll: connections }),
    ...(connectionsPerAddress !== undefined && { perAddress: connectionsPerAddress }),
  });
}

function toCallerBounds({
  eventsPerSecond,
  bytesPerDay,
  streams = CALLS_OF_CALLER.stream,
}: NonNullable<ConfigFile['limits']>['perCaller'] & object = {}): CallerBounds {
  const calls = Object.freeze({ ...CALLS_OF_CALLER, stream: streams });
  return Object.freeze({ eventsPerSecond, bytesPerDay: bytesOf(bytesPerDay), calls });
}

/** A setting's text, with the name of where it comes from, for messages. */
type Setting = readonly [source: string, text: string];

/** The first that is set; the last always is. An empty text is none: `HMS_SYNC_LISTEN=` says nothing. */
function firstSet(
  settings: readonly [...(readonly [source: string, text: string | undefined])[], fallback: Setting],
): Setting {
  const found = settings.find((setting): setting is Setting => Boolean(setting[1]));
  return found ?? (settings.at(-1) as Setting);
}

async function readFileBytes(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const what = { ENOENT: 'does not exist', EISDIR: 'is a folder', EACCES: 'may not be read' }[code ?? ''];
    throw new ConfigError(`${path} ${what ?? 'cannot be read'}; name the configuration file: --config <file>`, {
      cause,
    });
  }
}

function check(path: string, content: unknown): ConfigFile {
  const result = configFile.safeParse(content);
  if (result.success) return result.data;
  const wrong = result.error.issues.flatMap((issue) => issueInWords(issue, content).split('\n'));
  throw new ConfigError(wrong.map((line) => `${path}: ${line}`).join('\n'));
}

/** Names the file in what is wrong in it. */
function inFile<Result>(path: string, read: () => Result): Result {
  try {
    return read();
  } catch (error) {
    throw error instanceof ConfigError ? new ConfigError(`${path}: ${error.message}`, { cause: error }) : error;
  }
}

interface AdapterPlace {
  /** Prefix of the names of its fields in messages. */
  readonly at: string;
  /** The configuration file's. */
  readonly folder: string;
  readonly secrets: Secrets;
}

type AdapterFields = NonNullable<ConfigFile['adapters']>[number];

function toAdapterConfig(adapter: AdapterFields, place: AdapterPlace): AdapterConfig {
  const { at, secrets } = place;
  const own = resolveReferences(adapter.config ?? {}, `${at}config`, secrets);
  const remote = resolveReferences(adapter.remote, `${at}remote`, secrets);
  const missing = Object.freeze([...own.missing, ...remote.missing]);
  return Object.freeze({
    ...packageOf(adapter),
    runtime: adapter.runtime ?? DEFAULT_RUNTIME,
    remote: toRemoteConfig(remote.value as typeof adapter.remote, place),
    id: adapter.id,
    config: own.value,
    missing,
    reload: () => toAdapterConfig(adapter, place),
    delivery: Object.freeze(adapter.delivery ?? {}),
    retry: Object.freeze({ ...DEFAULT_RETRY, ...adapter.retry } as RetryPolicy),
    breaker: Object.freeze({ ...DEFAULT_BREAKER, ...adapter.breaker } as BreakerPolicy),
    onDeadLetter: adapter.onDeadLetter ?? 'continue',
  });
}

/** A remote adapter has none, and one that was added has the name that npm installed. */
function packageOf({ package: text = '' }: AdapterFields): Pick<AdapterConfig, 'package' | 'range'> {
  return parsePackageName(text) ?? { package: text, range: undefined };
}

/**
 * An adapter that is not in the file, with what holds when nothing is set. A reference that the policy does not allow is
 * missing, whether it is set or not.
 */
export function addedAdapter(
  { package: name, config }: AddedAdapter,
  rules: Pick<Config, 'adapterPolicy' | 'secrets'>,
): AdapterConfig {
  const rejected = rejectedConfig(config, rules.adapterPolicy);
  // What is refused is not even looked up.
  const fields = { package: name, config: rejected.length > 0 ? {} : { ...config } };
  const settings = toAdapterConfig(fields, { at: '', folder: '', secrets: rules.secrets });
  if (rejected.length === 0) return settings;
  const asRejected: AdapterConfig = { ...settings, missing: rejected, reload: () => asRejected };
  return asRejected;
}

/** What `adapter add` was given, with `${NAME}` for secrets. */
interface AddedAdapter {
  readonly package: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** Why the configuration of an adapter that is added may not be used, by its paths; empty when it may. */
export function rejectedConfig(
  config: AddedAdapter['config'],
  { secrets }: Pick<AdapterPolicy, 'secrets'>,
): readonly string[] {
  return rejectedReferences(config, 'config', secrets);
}

/** @throws {ConfigError} for a token that would be sent in clear over a network */
function toRemoteConfig(
  remote: AdapterFields['remote'],
  { at, folder }: Pick<AdapterPlace, 'at' | 'folder'>,
): RemoteConfig | undefined {
  if (remote === undefined) return undefined;
  const { address, token, plaintext = false, insecure = false } = remote;
  const host = address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
  if (plaintext && token !== undefined && !insecure && !isLoopback(host)) {
    throw new ConfigError(
      `${at}remote.plaintext: would send the token in clear over a network; remove plaintext, or write insecure: true if the way is safe otherwise`,
    );
  }
  const from = (path: string | undefined) => (path === undefined ? undefined : resolve(folder, path));
  return Object.freeze({
    ...{ address, token, plaintext },
    ...{ ca: from(remote.ca), cert: from(remote.cert), key: from(remote.key) },
  });
}

function parseLogLevel(source: string, text: string): Config['logLevel'] {
  const level = logLevels.find((known) => known === text);
  if (level === undefined)
    throw new ConfigError(`${source}: "${quotableName(text)}" is none of ${logLevels.join(', ')}`);
  return level;
}
