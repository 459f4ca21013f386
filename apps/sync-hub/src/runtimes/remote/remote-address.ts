import { readFile } from 'node:fs/promises';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';

/** Where an adapter is served, and how the two know each other. */
export interface RemoteAddress {
  /** As `host:port`. */
  readonly address: string;
  /** Paths of PEM files. Without ca: the authorities that Node knows. Without cert and key: no client certificate. */
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** Sent as `authorization: Bearer <token>`. */
  readonly token: string | undefined;
  /** No TLS. */
  readonly plaintext: boolean;
}

/**
 * Reads the certificates. For each connection again, so that one that was renewed is taken up.
 *
 * @throws Error that names the file that cannot be used
 */
export async function channelCredentials({ ca, cert, key, plaintext }: RemoteAddress): Promise<ChannelCredentials> {
  if (plaintext) return credentials.createInsecure();
  const [rootCertificates, clientKey, clientCertificate] = await Promise.all([
    readPem('remote.ca', ca),
    readPem('remote.key', key),
    readPem('remote.cert', cert),
  ]);
  try {
    return credentials.createSsl(rootCertificates, clientKey, clientCertificate);
  } catch {
    // OpenSSL's words say nothing to an operator.
    throw new Error('remote.ca, remote.cert and remote.key are not certificates and a key in PEM that belong together');
  }
}

async function readPem(field: string, path: string | undefined): Promise<Buffer | null> {
  if (path === undefined) return null;
  try {
    return await readFile(path);
  } catch (error) {
    throw new Error(`${field}: ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}
