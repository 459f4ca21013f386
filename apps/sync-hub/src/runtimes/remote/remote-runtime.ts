import { readFile } from 'node:fs/promises';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { ConfigSecrets } from '../config-secrets.ts';
import { SPOKEN_PROTOCOLS } from '../manifest.ts';
import { AdapterClient } from '../protocol/adapter-client.ts';
import { handshake, type StartFailure } from '../protocol/handshake.ts';
import {
  type AdapterLife,
  type LifeOptions,
  SupervisedRuntime,
  type SupervisedRuntimeOptions,
} from '../supervised-runtime.ts';
import { RemoteLife } from './remote-life.ts';

/** Five of these without an answer and the connection is closed: long enough for a network to find another way. */
const HEARTBEAT_MS = 2_000;
/** To connect, and for an adapter that has just been started to have imported its code. */
const DESCRIBE_TIMEOUT_MS = 12_000;

export interface RemoteRuntimeOptions extends Pick<SupervisedRuntimeOptions, 'restart' | 'random'> {
  readonly remote: RemoteAddress;
  /** The adapter's part of the configuration, secrets in clear. */
  readonly config: unknown;
  readonly hubVersion: string;
  /** The protocol majors that the hub speaks. */
  readonly protocols?: readonly number[];
  readonly heartbeatMs?: number;
}

/** Runs adapter code elsewhere, in any language: whatever serves hms.adapter.v1 at the address. Reconnects with backoff. */
export function createRemoteRuntime(options: RemoteRuntimeOptions): SupervisedRuntime {
  return new SupervisedRuntime({ ...options, kind: 'remote', begin: (life) => beginConnection(options, life) });
}

async function beginConnection(
  options: RemoteRuntimeOptions,
  { onEnd, signal }: LifeOptions,
): Promise<AdapterLife | StartFailure> {
  const { remote, config, hubVersion, protocols = SPOKEN_PROTOCOLS, heartbeatMs = HEARTBEAT_MS } = options;
  const name = `the adapter at ${remote.address}`;
  const credentials = await channelCredentials(remote).catch((error: Error) => error.message);
  if (typeof credentials === 'string') return { kind: 'failed', reason: credentials, passing: true };
  const client = new AdapterClient({ target: `dns:${remote.address}`, credentials, token: remote.token });
  const giveUp = () => client.close();
  signal.addEventListener('abort', giveUp, { once: true });
  const secrets = new ConfigSecrets([config, remote.token]);
  const describeTimeoutMs = DESCRIBE_TIMEOUT_MS;
  const begun = await handshake({ client, hubVersion, protocols, config, secrets, name, describeTimeoutMs });
  signal.removeEventListener('abort', giveUp);
  if (begun.kind === 'ready') return new RemoteLife({ client, secrets, ready: begun, name, heartbeatMs, onEnd });
  client.close();
  return begun;
}

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
