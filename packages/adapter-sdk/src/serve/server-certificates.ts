import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';
import type { AdapterLog } from '../adapter-log.ts';

/** Whom a server with a `clientCa` accepts. */
export interface AcceptedHubs {
  /**
   * The subject alternative names of the hubs: URIs such as `spiffe://clinic.example/hub`, or DNS names. A hub needs one of
   * them, exactly; its common name does not count. Absent: every certificate of `clientCa` is accepted.
   */
  readonly hubNames?: readonly string[];
}

/** TLS options of a server, all in PEM. */
export interface ServerTls extends AcceptedHubs {
  readonly cert: string;
  readonly key: string;
  /** The CA of the callers' certificates: with it, callers without a certificate are rejected (mTLS). */
  readonly clientCa?: string;
}

/**
 * TLS options of a server by the paths of its PEM files. They are read again about a second after they change, all or
 * nothing: files that cannot be used are reported to the log, and the former ones stay in use.
 */
export interface ServerTlsFiles extends AcceptedHubs {
  readonly certFile: string;
  readonly keyFile: string;
  /** As `clientCa`. */
  readonly clientCaFile?: string;
}

type Provider = experimental.CertificateProvider;
type OwnListener = Parameters<Provider['addIdentityCertificateListener']>[0];
type CaListener = Parameters<Provider['addCaCertificateListener']>[0];

/** How often files are read. What watches folders instead misses links that are turned, and network file systems. */
const READ_EVERY_MS = 1_000;

/** The certificate of a server, and the authority of its callers: what they are now, for each new connection. */
export class ServerCertificates implements Provider {
  readonly #files: ServerTlsFiles | undefined;
  #tls: ServerTls;
  readonly #own = new Set<OwnListener>();
  readonly #ca = new Set<CaListener>();

  /** @throws TypeError when a connection could not be made with it */
  static async open(source: ServerTls | ServerTlsFiles): Promise<ServerCertificates> {
    const files = 'certFile' in source ? source : undefined;
    return new ServerCertificates('certFile' in source ? await readFiles(source) : source, files);
  }

  private constructor(tls: ServerTls, files: ServerTlsFiles | undefined) {
    this.#files = files;
    this.#tls = tls;
    this.#requireUsable(tls);
  }

  /** As @grpc/grpc-js takes them; its function has the two providers in the order of a certificate, then an authority. */
  get credentials(): ServerCredentials {
    const { asksCallers } = this;
    return experimental.createCertificateProviderServerCredentials(this, asksCallers ? this : null, asksCallers);
  }

  /** Whether callers need a certificate. */
  get asksCallers(): boolean {
    return this.#tls.clientCa !== undefined;
  }

  /** What hubs must have one of. */
  get hubNames(): readonly string[] | undefined {
    return this.#tls.hubNames;
  }

  /** For connections from now on. @throws TypeError when it cannot be used; then the former is kept */
  set(tls: ServerTls): void {
    if (this.#files !== undefined) throw new TypeError('setTls: the adapter is served from files; replace these');
    this.#replace(tls);
  }

  /** Uses files again when they change. Returns what ends that; does nothing for texts. */
  watch(log: AdapterLog): () => void {
    const files = this.#files;
    if (files === undefined) return () => undefined;
    const { certFile } = files;
    let reported = '';
    const read = async () => {
      try {
        const next = await readFiles(files);
        if (JSON.stringify(next) !== JSON.stringify(this.#tls)) {
          this.#replace(next);
          const expires = new X509Certificate(next.cert).validToDate.toISOString();
          log.info('the changed certificate is in use', { certFile, expires });
        }
        reported = '';
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        if (why !== reported) log.warn('the changed certificate is not used, the former one is', { certFile, why });
        reported = why;
      }
      // A disk may be slower than the interval.
      timer.refresh();
    };
    const timer = setTimeout(() => void read(), READ_EVERY_MS).unref();
    return () => clearTimeout(timer);
  }

  addIdentityCertificateListener(listener: OwnListener): void {
    this.#own.add(listener);
    // The server begins to listen for it only after this call.
    process.nextTick(() => this.#tellOwn(listener));
  }

  removeIdentityCertificateListener(listener: OwnListener): void {
    this.#own.delete(listener);
  }

  addCaCertificateListener(listener: CaListener): void {
    this.#ca.add(listener);
    process.nextTick(() => this.#tellCa(listener));
  }

  removeCaCertificateListener(listener: CaListener): void {
    this.#ca.delete(listener);
  }

  #replace(tls: ServerTls): void {
    this.#requireUsable(tls);
    if ((tls.clientCa === undefined) !== (this.#tls.clientCa === undefined))
      throw new TypeError('setTls: clientCa cannot be added or removed while the adapter is served');
    this.#tls = tls;
    // A new authority first: no certificate of the former is asked for by the new pair.
    for (const listener of this.#ca) this.#tellCa(listener);
    for (const listener of this.#own) this.#tellOwn(listener);
  }

  #tellOwn(listener: OwnListener): void {
    listener({ certificate: Buffer.from(this.#tls.cert), privateKey: Buffer.from(this.#tls.key) });
  }

  #tellCa(listener: CaListener): void {
    const { clientCa } = this.#tls;
    if (clientCa !== undefined) listener({ caCertificate: Buffer.from(clientCa) });
  }

  /** @throws TypeError without a word of the key */
  #requireUsable({ cert, key, clientCa, hubNames }: ServerTls): void {
    const named = (field: string) => `tls.${field}${this.#files === undefined ? '' : 'File'}`;
    const isPair = attempt(() => new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)));
    if (isPair !== true)
      throw new TypeError(
        `serveAdapter: ${named('cert')} and ${named('key')} are not a certificate and its key in PEM, without a passphrase`,
      );
    if (clientCa !== undefined && attempt(() => new X509Certificate(clientCa)) === undefined)
      throw new TypeError(`serveAdapter: ${named('clientCa')} is not a certificate in PEM`);
    if (hubNames !== undefined && (clientCa === undefined || hubNames.length === 0))
      throw new TypeError(`serveAdapter: tls.hubNames needs at least one name, and ${named('clientCa')}`);
    if (
      attempt(() => createSecureContext({ cert, key, ...(clientCa !== undefined && { ca: clientCa }) })) === undefined
    )
      throw new TypeError('serveAdapter: tls cannot be used');
  }
}

/** @throws TypeError naming the file that cannot be read */
async function readFiles({ certFile, keyFile, clientCaFile, hubNames }: ServerTlsFiles): Promise<ServerTls> {
  return {
    cert: await readPem('certFile', certFile),
    key: await readPem('keyFile', keyFile),
    ...(clientCaFile !== undefined && { clientCa: await readPem('clientCaFile', clientCaFile) }),
    ...(hubNames !== undefined && { hubNames }),
  };
}

async function readPem(field: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new TypeError(`serveAdapter: tls.${field}: ${path} cannot be read (${code})`, { cause });
  }
}

function attempt<Result>(make: () => Result): Result | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
