import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { experimental, type ServerCredentials } from '@grpc/grpc-js';

/** TLS options of a server, all in PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
  /** The CA of the callers' certificates: with it, callers without a certificate are rejected (mTLS). */
  readonly clientCa?: string;
}

type Provider = experimental.CertificateProvider;
type OwnListener = Parameters<Provider['addIdentityCertificateListener']>[0];
type CaListener = Parameters<Provider['addCaCertificateListener']>[0];

/** The certificate of a server, and the authority of its callers: what they are now, for each new connection. */
export class ServerCertificates implements Provider {
  #tls: ServerTls;
  readonly #own = new Set<OwnListener>();
  readonly #ca = new Set<CaListener>();

  /** @throws TypeError when a connection could not be made with it */
  constructor(tls: ServerTls) {
    requireUsable(tls);
    this.#tls = tls;
  }

  /** As @grpc/grpc-js takes them; its function has the two providers in the order of a certificate, then an authority. */
  get credentials(): ServerCredentials {
    const asksCallers = this.#tls.clientCa !== undefined;
    return experimental.createCertificateProviderServerCredentials(this, asksCallers ? this : null, asksCallers);
  }

  /** For connections from now on. @throws TypeError when it cannot be used; then the former is kept */
  set(tls: ServerTls): void {
    requireUsable(tls);
    if ((tls.clientCa === undefined) !== (this.#tls.clientCa === undefined))
      throw new TypeError('setTls: clientCa cannot be added or removed while the adapter is served');
    this.#tls = tls;
    // A new authority first: no certificate of the former is asked for by the new pair.
    for (const listener of this.#ca) this.#tellCa(listener);
    for (const listener of this.#own) this.#tellOwn(listener);
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

  #tellOwn(listener: OwnListener): void {
    listener({ certificate: Buffer.from(this.#tls.cert), privateKey: Buffer.from(this.#tls.key) });
  }

  #tellCa(listener: CaListener): void {
    const { clientCa } = this.#tls;
    if (clientCa !== undefined) listener({ caCertificate: Buffer.from(clientCa) });
  }
}

/** @throws TypeError without a word of the key */
function requireUsable({ cert, key, clientCa }: ServerTls): void {
  const isPair = attempt(() => new X509Certificate(cert).checkPrivateKey(createPrivateKey(key)));
  if (isPair !== true)
    throw new TypeError(
      'serveAdapter: tls.cert and tls.key are not a certificate and its key in PEM, without a passphrase',
    );
  if (clientCa !== undefined && attempt(() => new X509Certificate(clientCa)) === undefined)
    throw new TypeError('serveAdapter: tls.clientCa is not a certificate in PEM');
  if (attempt(() => createSecureContext({ cert, key, ...(clientCa !== undefined && { ca: clientCa }) })) === undefined)
    throw new TypeError('serveAdapter: tls cannot be used');
}

function attempt<Result>(make: () => Result): Result | undefined {
  try {
    return make();
  } catch {
    return undefined;
  }
}
