import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createSecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls';

/** The files of the hub's side of TLS, in PEM, by absolute paths. */
export interface TlsPaths {
  /** The hub's certificate, and those between it and its authority. */
  readonly cert: string;
  readonly key: string;
  /** Authorities whose client certificates are accepted. Undefined: clients are asked for none. */
  readonly clientCa: string | undefined;
  /** Lists of what those authorities have revoked. */
  readonly crl: string | undefined;
  readonly minVersion: SecureVersion;
}

/** Why the files cannot be used: which one, and what to do. */
export class TlsError extends Error {
  override readonly name = 'TlsError';
}

export interface TlsFilesOptions {
  /** Called with what an operator should know, for the log. */
  readonly report: (level: 'info' | 'warn', text: string) => void;
  readonly wallMs?: () => number;
  /** How long changes are collected: a certificate and its key are two files. */
  readonly settleMs?: number;
}

const SETTLE_MS = 250;
/** For changes of which the system says nothing, such as on a network's disk. */
const AGAIN_EVERY_MS = 3_600_000;
const DAY_MS = 86_400_000;
/** Expiry is a warning from this long before. */
const EXPIRY_WARNING_MS = 14 * DAY_MS;

/** What the files hold. */
interface Material {
  readonly context: SecureContextOptions;
  readonly expiresAtMs: number;
  readonly digest: string;
  /** Of the authorities and what they revoked. */
  readonly trustDigest: string;
}

/** Files that were read and fit together. */
export interface PreparedTls {
  /** Whether they hold anything other than those in use. */
  readonly isOther: boolean;
  /** Puts them into use. */
  readonly use: () => void;
}

/**
 * The hub's certificate, key and authorities, read again when their files change, when they are asked to be, and hourly.
 * All or nothing: files that do not fit together are reported, and what was read before stays in use.
 */
export class TlsFiles {
  #paths: TlsPaths;
  readonly #options: Required<TlsFilesOptions>;
  readonly #listeners = new Set<(change: { readonly trust: boolean }) => void>();
  #watchers: FSWatcher[] = [];
  #material: Material;
  /** Why what is in the files is not in use; empty when it is. */
  #rejected = '';
  /** The last warning of expiry: once is enough, however often the folder changes. */
  #reported: string | undefined;
  #settling: NodeJS.Timeout | undefined;
  #hourly: NodeJS.Timeout;
  #last: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** @throws {TlsError} */
  static async open(paths: TlsPaths, options: TlsFilesOptions): Promise<TlsFiles> {
    const files = new TlsFiles(paths, await readMaterial(paths), options);
    await files.#watch();
    return files;
  }

  private constructor(paths: TlsPaths, material: Material, options: TlsFilesOptions) {
    this.#paths = paths;
    this.#material = material;
    this.#options = { wallMs: Date.now, settleMs: SETTLE_MS, ...options };
    this.#reportExpiry();
    this.#hourly = setInterval(() => void this.reload(), AGAIN_EVERY_MS);
    this.#hourly.unref();
  }

  /** As node:tls takes it. */
  get context(): SecureContextOptions {
    return this.#material.context;
  }

  /** Whether clients are asked for a certificate. */
  get asksClients(): boolean {
    return this.#paths.clientCa !== undefined;
  }

  /** What is not well, a sentence each with what to do. */
  get warnings(): readonly string[] {
    const expiry = this.#expiryWarning();
    return [
      ...(this.#rejected === ''
        ? []
        : [`the changed files of tls are not in use, the former ones are: ${this.#rejected}`]),
      ...(expiry === undefined ? [] : [expiry]),
    ];
  }

  /** Calls back after each change. @param trust whether the authorities changed, or what they revoked */
  onChange(listener: (change: { readonly trust: boolean }) => void): void {
    this.#listeners.add(listener);
  }

  /** Reads the files again. Never rejects: what is wrong is reported. */
  reload(): Promise<void> {
    this.#last = this.#last.then(() => this.#reload());
    return this.#last;
  }

  /**
   * Reads files that may be others than those in use, or with another least version. Whether clients are asked for a
   * certificate cannot change while the port is open.
   *
   * @throws {TlsError} what is in use stays so
   */
  async prepare(paths: TlsPaths): Promise<PreparedTls> {
    const next = await readMaterial(paths);
    const now = this.#options.wallMs();
    if (next.expiresAtMs <= now && this.#material.expiresAtMs > now)
      throw new TlsError(`tls.cert: ${paths.cert} expired on ${dayOf(next.expiresAtMs)}; put a valid one there`);
    return {
      isOther: next.digest !== this.#material.digest,
      use: () => {
        const former = this.#paths;
        this.#paths = paths;
        this.#rejected = '';
        if (next.digest !== this.#material.digest) this.#use(next);
        // Watches the folders, and sees what changed while these were read.
        if (paths !== former) void this.reload();
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#settling);
    clearInterval(this.#hourly);
    for (const watcher of this.#watchers) watcher.close();
  }

  async #reload(): Promise<void> {
    if (this.#isClosed) return;
    // Before they are read, so that no change is missed. A folder that was replaced is watched by its new self.
    await this.#watch();
    const paths = this.#paths;
    try {
      const prepared = await this.prepare(paths);
      // Meanwhile the configuration may have named others.
      if (this.#paths === paths) prepared.use();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (why !== this.#rejected) this.#options.report('warn', `the changed files of tls are not used: ${why}`);
      this.#rejected = why;
    }
    this.#reportExpiry();
  }

  #use(next: Material): void {
    const trust = next.trustDigest !== this.#material.trustDigest;
    this.#material = next;
    for (const listener of this.#listeners) listener({ trust });
    this.#options.report(
      'info',
      `the changed files of tls are in use; the certificate expires on ${dayOf(next.expiresAtMs)}`,
    );
  }

  #expiryWarning(): string | undefined {
    const { expiresAtMs } = this.#material;
    const leftMs = expiresAtMs - this.#options.wallMs();
    if (leftMs > EXPIRY_WARNING_MS) return undefined;
    const when = leftMs > 0 ? 'expires' : 'expired';
    return `the certificate ${this.#paths.cert} ${when} on ${dayOf(expiresAtMs)}: put a new one there, with its key; the hub reads them by itself`;
  }

  #reportExpiry(): void {
    const warning = this.#expiryWarning();
    if (warning === this.#reported) return;
    this.#reported = warning;
    if (warning !== undefined) this.#options.report('warn', warning);
  }

  /** The folders, as a file that is replaced is another one, and a link that is turned (Kubernetes) is in its folder. */
  async #watch(): Promise<void> {
    const { cert, key, clientCa, crl } = this.#paths;
    const paths = [cert, key, clientCa, crl].filter((path) => path !== undefined);
    const targets = await Promise.all(paths.map((path) => realpath(path).catch(() => path)));
    for (const watcher of this.#watchers.splice(0)) watcher.close();
    if (this.#isClosed) return;
    for (const folder of new Set([...paths, ...targets].map(dirname))) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#changed());
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Gone, or as many are watched as may: SIGHUP and the hour do without.
      }
    }
  }

  #changed(): void {
    if (this.#settling !== undefined || this.#isClosed) return;
    this.#settling = setTimeout(() => {
      this.#settling = undefined;
      void this.reload();
    }, this.#options.settleMs);
    this.#settling.unref();
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** @throws {TlsError} */
async function readMaterial({ cert, key, clientCa, crl, minVersion }: TlsPaths): Promise<Material> {
  const certText = await read('cert', cert);
  const keyText = await read('key', key);
  const caText = clientCa === undefined ? undefined : await read('clientCa', clientCa);
  const crlText = crl === undefined ? undefined : await read('crl', crl);
  const [own] = readCertificates('cert', cert, certText);
  if (caText !== undefined && clientCa !== undefined) readCertificates('clientCa', clientCa, caText);
  const privateKey = attempt(
    () => createPrivateKey(keyText),
    `tls.key: ${key} holds no private key in PEM without a passphrase`,
  );
  if (own === undefined || !own.checkPrivateKey(privateKey))
    throw new TlsError(`tls.key: ${key} is not the key of the certificate ${cert}; put both of one pair there`);
  const context: SecureContextOptions = {
    ...{ cert: certText, key: keyText, minVersion },
    ...(caText !== undefined && { ca: caText }),
    ...(crlText !== undefined && { crl: crlText }),
  };
  // Whatever else Node would only say with the first connection, such as of the revocation list.
  attempt(
    () => createSecureContext(context),
    crl === undefined ? `tls: ${cert} and ${key} cannot be used` : `tls.crl: ${crl} holds no revocation list in PEM`,
  );
  return {
    context,
    expiresAtMs: own.validToDate.getTime(),
    digest: digestOf([certText, keyText, caText, crlText, minVersion]),
    trustDigest: digestOf([caText, crlText]),
  };
}

async function read(field: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new TlsError(`tls.${field}: ${path} cannot be read (${code})`, { cause: error });
  }
}

function readCertificates(field: string, path: string, text: string): readonly X509Certificate[] {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new TlsError(`tls.${field}: ${path} holds no certificate in PEM`);
  return blocks.map((block) =>
    attempt(() => new X509Certificate(block), `tls.${field}: ${path} holds a broken certificate`),
  );
}

/** @throws {TlsError} what OpenSSL says stays out: it may quote */
function attempt<Result>(make: () => Result, wrong: string): Result {
  try {
    return make();
  } catch (cause) {
    throw new TlsError(wrong, { cause });
  }
}

function digestOf(texts: readonly (string | undefined)[]): string {
  return createHash('sha256').update(JSON.stringify(texts)).digest('hex');
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
