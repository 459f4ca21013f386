import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { Misconfigured } from '../adapter-error.ts';

/** Private CAs and client certificates. All are texts, not file names. */
export interface TlsOptions {
  /** CAs that sign the system's certificate, as PEM. Absent: those that Node trusts. */
  readonly ca?: string | undefined;
  /** The client's certificate with its chain, as PEM. Requires `key`. */
  readonly cert?: string | undefined;
  /** The client's private key, as PEM. Requires `cert`. */
  readonly key?: string | undefined;
  /** Instead of `cert` and `key`: both as PKCS #12 in base64. */
  readonly pfx?: string | undefined;
  /** The passphrase of `key` or `pfx`. */
  readonly passphrase?: string | undefined;
}

/** Options of Node's `tls.connect`. */
export interface ConnectOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly pfx?: Buffer;
  readonly passphrase?: string;
}

/**
 * Checks certificates and keys before the first connection.
 *
 * @param protocol of the system, such as `https:`.
 * @throws Misconfigured that names the wrong option, without OpenSSL's message, which may quote it.
 */
export function connectOptions(tls: TlsOptions, protocol: string): ConnectOptions {
  const { ca, cert, key, pfx, passphrase } = tls;
  if (protocol !== 'https:') refuse('tls', 'requires an https:// baseUrl; correct baseUrl, or leave tls out');
  if (ca !== undefined) attempt('tls.ca', 'must contain certificates as PEM', () => new X509Certificate(ca));
  if (pfx !== undefined && (cert ?? key) !== undefined)
    refuse('tls.pfx', 'replaces cert and key; set only one of them');
  if (cert !== undefined) {
    if (key === undefined) refuse('tls.key', 'is missing; tls.cert requires it');
    attempt('tls.cert', 'must contain a certificate as PEM', () => new X509Certificate(cert));
  }
  if (key !== undefined) {
    if (cert === undefined) refuse('tls.cert', 'is missing; tls.key requires it');
    const how = 'must contain a private key as PEM, and tls.passphrase its passphrase';
    attempt('tls.key', how, () => createPrivateKey(privateKey(key, passphrase)));
  }
  const options = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(pfx !== undefined && { pfx: Buffer.from(pfx, 'base64') }),
    ...(passphrase !== undefined && { passphrase }),
  };
  const [path, how] =
    pfx === undefined
      ? ['tls.key', 'is not the key of tls.cert']
      : ['tls.pfx', 'must be PKCS #12 in base64, and tls.passphrase its passphrase'];
  attempt(path, how, () => createSecureContext(options));
  return options;
}

function privateKey(key: string, passphrase: string | undefined) {
  return passphrase === undefined ? { key } : { key, passphrase };
}

function attempt(path: string, how: string, work: () => unknown): void {
  try {
    work();
  } catch {
    refuse(path, how);
  }
}

function refuse(path: string, how: string): never {
  throw new Misconfigured(`${path} ${how}`, { path });
}
