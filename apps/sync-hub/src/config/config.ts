import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parse, YAMLParseError } from 'yaml';
import type { z } from 'zod';
import { DEFAULT_RETRY, type RetryPolicy } from '../core/retry.ts';
import { type BreakerPolicy, DEFAULT_BREAKER } from '../lanes/breaker.ts';
import { ConfigError } from './config-error.ts';
import { type ConfigFile, configFile, logLevels, namesAt } from './config-file.ts';
import { nearestName } from './nearest-name.ts';
import { resolveReferences } from './references.ts';

/** All that an operator can set, checked and frozen. */
export interface Config {
  readonly listen: ListenAddress;
  /** Where the journal lies; absolute. */
  readonly dataDir: string;
  readonly logLevel: (typeof logLevels)[number];
  /** The most payload that an event may carry. */
  readonly eventBytesMax: number;
  readonly adapters: readonly AdapterConfig[];
  /** The configuration file's folder: adapter packages are looked up from here. */
  readonly folder: string;
}

export interface ListenAddress {
  readonly host: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface AdapterConfig {
  readonly package: string;
  /** Undefined: the id of its manifest. */
  readonly id: string | undefined;
  /** The adapter's own part, secrets in clear. */
  readonly config: unknown;
  /** References in it that could not be resolved; with any, the adapter cannot start. */
  readonly missing: readonly string[];
  /** What goes before the adapter's own settings. */
  readonly delivery: { readonly concurrency?: number | undefined; readonly timeoutMs?: number | undefined };
  readonly retry: RetryPolicy;
  readonly breaker: BreakerPolicy;
}

/** Where settings come from, each going before the one left of it: file, environment, flags. */
export interface ConfigSources {
  /** Path of hms-sync.yaml. */
  readonly file: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly flags: {
    readonly listen?: string | undefined;
    readonly dataDir?: string | undefined;
    readonly logLevel?: string | undefined;
  };
}

const DEFAULT_LISTEN = '127.0.0.1:7003';
/** Room for a large process definition; more belongs into a store, with a reference in the event. */
const DEFAULT_EVENT_BYTES = 256 * 1024;

/**
 * Reads the configuration once.
 *
 * @throws {ConfigError} naming the file, the field and what to do
 */
export async function loadConfig({ file, env, flags }: ConfigSources): Promise<Config> {
  const path = resolve(file);
  const settings = check(path, parseYaml(path, await readText(path)));
  const folder = dirname(path);
  const logLevel = flags.logLevel ?? env.HMS_SYNC_LOG_LEVEL ?? settings.logLevel ?? 'info';
  const dataDir = flags.dataDir ?? env.HMS_SYNC_DATA_DIR;
  return Object.freeze({
    listen: parseListen(flags.listen ?? env.HMS_SYNC_LISTEN ?? settings.listen ?? DEFAULT_LISTEN),
    // A path in the file is meant from the file; one given by hand, from where the hand is.
    dataDir: dataDir === undefined ? resolve(folder, settings.dataDir ?? '.hms-sync') : resolve(dataDir),
    logLevel: parseLogLevel(logLevel),
    eventBytesMax: settings.limits?.eventBytes ?? DEFAULT_EVENT_BYTES,
    adapters: Object.freeze((settings.adapters ?? []).map((adapter, index) => toAdapterConfig(adapter, index, env))),
    folder,
  });
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read; name the configuration file: --config <file>`, { cause });
  }
}

function parseYaml(path: string, text: string): unknown {
  try {
    return parse(text, { prettyErrors: true }) ?? {};
  } catch (cause) {
    // The library's message goes on with an excerpt of the file, which may hold a secret.
    const [what] = cause instanceof YAMLParseError ? cause.message.split('\n') : ['it cannot be parsed'];
    throw new ConfigError(`${path} is no YAML: ${what}`, { cause });
  }
}

function check(path: string, content: unknown): ConfigFile {
  const result = configFile.safeParse(content);
  if (result.success) return result.data;
  throw new ConfigError(result.error.issues.map((issue) => `${path}: ${describe(issue)}`).join('\n'));
}

function describe(issue: z.core.$ZodIssue): string {
  const at = issue.path.join('.');
  if (issue.code !== 'unrecognized_keys') return `${at || 'the file'}: ${issue.message}`;
  const known = namesAt(issue.path);
  return issue.keys
    .map((key) => {
      const nearest = nearestName(key, known);
      const name = at === '' ? key : `${at}.${key}`;
      return `${name}: unknown key${nearest === undefined ? `; known are ${known.join(', ')}` : `; did you mean ${nearest}?`}`;
    })
    .join('\n');
}

function toAdapterConfig(
  adapter: NonNullable<ConfigFile['adapters']>[number],
  index: number,
  env: ConfigSources['env'],
): AdapterConfig {
  const { value, missing } = resolveReferences(adapter.config ?? {}, `adapters.${index}.config`, env);
  return Object.freeze({
    package: adapter.package,
    id: adapter.id,
    config: value,
    missing,
    delivery: adapter.delivery ?? {},
    retry: { ...DEFAULT_RETRY, ...adapter.retry } as RetryPolicy,
    breaker: { ...DEFAULT_BREAKER, ...adapter.breaker } as BreakerPolicy,
  });
}

function parseListen(text: string): ListenAddress {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535) {
    throw new ConfigError(`listen: "${text}" is no address; write host:port, such as ${DEFAULT_LISTEN}`);
  }
  return { host, port };
}

function parseLogLevel(text: string): Config['logLevel'] {
  const level = logLevels.find((known) => known === text);
  if (level === undefined) throw new ConfigError(`logLevel: "${text}" is none of ${logLevels.join(', ')}`);
  return level;
}
