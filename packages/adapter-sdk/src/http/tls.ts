import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { Misconfigured } from '../adapter-error.ts';

/** Who is trusted and who is shown, where a system asks for more than the public authorities know. Texts, as in a file. */
export interface TlsOptions {
  /** Certificates of the authorities that vouch for the system, as PEM. Absent: those that Node trusts. */
  readonly ca?: string | undefined;
  /** The client's certificate and what leads from it to its authority, as PEM. Needs `key`. */
  readonly cert?: string | undefined;
  /** The client's private key, as PEM. Needs `cert`. */
  readonly key?: string | undefined;
  /** Certificate and key together, as PKCS #12 in base64: instead of `cert` and `key`. */
  readonly pfx?: string | undefined;
  /** Opens `key` or `pfx`. */
  readonly passphrase?: string | undefined;
}

/** What Node's `tls.connect` is handed. */
export interface ConnectOptions {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly pfx?: Buffer;
  readonly passphrase?: string;
}

/**
 * Tries certificates and keys before anything is connected.
 *
 * @param protocol of the system, such as `https:`.
 * @throws Misconfigured that names the option that is wrong and repeats nothing of it: OpenSSL's own messages might.
 */
export function connectOptions(tls: TlsOptions, protocol: string): ConnectOptions {
  const { ca, cert, key, pfx, passphrase } = tls;
  if (protocol !== 'https:') refuse('tls', 'is of use with https:// alone; correct baseUrl, or leave tls out');
  if (ca !== undefined) attempt('tls.ca', 'must hold certificates as PEM', () => new X509Certificate(ca));
  if (pfx !== undefined && (cert ?? key) !== undefined) refuse('tls.pfx', 'takes the place of cert and key; give one');
  if (cert !== undefined) {
    if (key === undefined) refuse('tls.key', 'is missing; a certificate is shown with its key');
    attempt('tls.cert', 'must hold a certificate as PEM', () => new X509Certificate(cert));
  }
  if (key !== undefined) {
    if (cert === undefined) refuse('tls.cert', 'is missing; a key is of use with its certificate');
    const how = 'must hold a private key as PEM, and tls.passphrase what opens it';
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
      : ['tls.pfx', 'must be PKCS #12 in base64, and tls.passphrase what opens it'];
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
