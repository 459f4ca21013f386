import { isDeepStrictEqual } from 'node:util';
import { type PreparedTls, TlsError, type TlsFiles } from '../tls/tls-files.ts';
import type { AuthConfig, Config } from './config.ts';
import { ConfigError } from './config-error.ts';

/** What came of a reload. */
export type ReloadResult =
  | {
      readonly kind: 'reloaded';
      /** What is in force now and was not before, such as `auth.tokens`. */
      readonly changed: readonly string[];
      /** What else changed in the file since the hub started. */
      readonly needsRestart: readonly string[];
      /** What is not as it should be although the file is in force, a sentence each. */
      readonly warnings: readonly string[];
    }
  /** Nothing changed. `reason`: what is wrong in the file, where, and what to do. */
  | { readonly kind: 'rejected'; readonly reason: string };

/** What a reload puts into force: each takes its part of the file in place of the former, at once. */
export interface ReloadParts {
  readonly tokens: { replace(tokens: AuthConfig['tokens']): void };
  readonly mtls: { replace(rules: AuthConfig['mtls']): void };
  /** Resolves to what is not as it should be, once the keys are read. */
  readonly jwt: { replace(issuers: AuthConfig['jwt']): Promise<readonly string[]> };
  /** Undefined: the hub's port does not speak TLS. */
  readonly tls: Pick<TlsFiles, 'prepare'> | undefined;
  /** Undefined: everybody may connect, as long as the hub runs. */
  readonly proxies: { replace(next: Pick<Config, 'trustedProxies' | 'callers'>): void } | undefined;
}

export interface ConfigReloadOptions extends ReloadParts {
  /** The configuration with which the hub started. */
  readonly started: Config;
  /** Reads it again, with the environment and the flags of the start. @throws {ConfigError} */
  readonly load: () => Promise<Config>;
  /** Called with what each reload did, for the log. */
  readonly report: (level: 'info' | 'warn', text: string) => void;
}

/** What a reload puts into force, as far as an open port allows it. */
const RELOADED: ReadonlySet<string> = new Set(['auth', 'tls', 'trustedProxies']);
const AUTH_PARTS = ['tokens', 'jwt', 'mtls'] as const;

/**
 * Reads the configuration file again while the hub runs. All or nothing: a file that is wrong changes nothing, and is a
 * warning until one is put into force.
 */
export class ConfigReload {
  readonly #options: ConfigReloadOptions;
  #inForce: Pick<Config, 'auth' | 'written'>;
  #rejected = '';
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ConfigReloadOptions) {
    this.#options = options;
    this.#inForce = options.started;
  }

  /** What is not well, a sentence each with what to do. */
  get warnings(): readonly string[] {
    if (this.#rejected === '') return [];
    return [
      `the configuration file was read again and is not in force, the former configuration is: ${this.#rejected}. Correct it, then: hms-sync reload`,
    ];
  }

  /** One at a time, in the order of the calls. */
  run(): Promise<ReloadResult> {
    const result = this.#last.then(() => this.#run());
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(): Promise<ReloadResult> {
    const { started, load, tls, report } = this.#options;
    try {
      const next = await load();
      const canUseTls = tls !== undefined && haveSamePort(started.tls, next.tls);
      const prepared = canUseTls && typeof next.tls === 'object' ? await tls.prepare(next.tls) : undefined;
      const result = await this.#use(next, prepared);
      report('info', inWords(result));
      for (const warning of result.warnings) report('warn', warning);
      return result;
    } catch (error) {
      if (!(error instanceof ConfigError || error instanceof TlsError)) throw error;
      this.#rejected = error.message;
      report('warn', `the configuration file is not in force, the former configuration is: ${error.message}`);
      return { kind: 'rejected', reason: error.message };
    }
  }

  /** Nothing can fail from here on. */
  async #use(next: Config, tls: PreparedTls | undefined): Promise<ReloadResult & { kind: 'reloaded' }> {
    const { started, ...parts } = this.#options;
    const { auth } = next;
    const former = this.#inForce;
    const changed = AUTH_PARTS.filter((part) => !isDeepStrictEqual(former.auth[part], auth[part]));
    const hasNewProxies =
      next.trustedProxies !== undefined &&
      !isDeepStrictEqual(former.written.trustedProxies, next.written.trustedProxies);
    this.#inForce = next;
    this.#rejected = '';
    tls?.use();
    if (hasNewProxies) parts.proxies?.replace(next);
    parts.tokens.replace(auth.tokens);
    parts.mtls.replace(auth.mtls);
    const warnings = await parts.jwt.replace(auth.jwt);
    return {
      kind: 'reloaded',
      changed: [
        ...changed.map((part) => `auth.${part}`),
        ...(tls?.isOther ? ['tls'] : []),
        ...(hasNewProxies && parts.proxies ? ['trustedProxies'] : []),
      ],
      needsRestart: needsRestart(started, next),
      warnings,
    };
  }
}

/** Whether a port that is open can go from the one to the other: it speaks TLS, and asks for certificates, or does not. */
function haveSamePort(one: Config['tls'], other: Config['tls']): boolean {
  if (typeof one !== 'object' || typeof other !== 'object') return one === other;
  return (one.clientCa === undefined) === (other.clientCa === undefined);
}

function needsRestart(started: Config, next: Config): readonly string[] {
  const before: Readonly<Record<string, unknown>> = started.written;
  const after: Readonly<Record<string, unknown>> = next.written;
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const changed = [...names].filter((name) => !RELOADED.has(name) && !isDeepStrictEqual(before[name], after[name]));
  const isBoundAsBefore = (started.trustedProxies === undefined) === (next.trustedProxies === undefined);
  return [
    ...changed,
    ...(haveSamePort(started.tls, next.tls) ? [] : ['tls']),
    ...(isBoundAsBefore ? [] : ['trustedProxies']),
  ];
}

function inWords({ changed, needsRestart }: Extract<ReloadResult, { kind: 'reloaded' }>): string {
  const what = changed.length === 0 ? 'nothing changed' : `in force now: ${changed.join(', ')}`;
  const later = needsRestart.length === 0 ? '' : `; restart the hub for: ${needsRestart.join(', ')}`;
  return `the configuration file was read again; ${what}${later}`;
}
