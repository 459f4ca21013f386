import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import { Misconfigured } from '../adapter-error.ts';

/**
 * OAuth 2.0 client credentials (RFC 6749, 4.4): the pool requests an access token from `tokenUrl`, sends it as bearer token,
 * and requests another one shortly before it expires, or once the system answers 401. Set exactly one of `clientSecret` and
 * `privateKey`.
 */
export interface OAuthOptions {
  /** The token endpoint: https, or http on a trusted network. It may have a query. */
  readonly tokenUrl: string;
  /** The client's id. */
  readonly clientId: string;
  /** The client's secret. */
  readonly clientSecret?: string | undefined;
  /** How the secret is sent: in the `authorization` header (`basic`, the default) or in the form (`post`). */
  readonly clientAuthentication?: 'basic' | 'post' | undefined;
  /**
   * The client's private key, for `private_key_jwt` as SMART Backend Services requires: PEM (PKCS #8) or a JWK as JSON text.
   * RSA keys (at least 2,048 bits) sign with RS384, P-384 keys with ES384.
   */
  readonly privateKey?: string | undefined;
  /** The id of the client's public key at the system. Absent: the `kid` of the JWK, if any. */
  readonly keyId?: string | undefined;
  /** The requested scope, separated by spaces, such as `system/Patient.rs`. Absent: the system's default. */
  readonly scope?: string | undefined;
  /** Further fields of the form, such as `audience` or `resource`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** The checked credential of a client. */
export type ClientCredential =
  | { readonly by: 'basic' | 'post'; readonly clientSecret: string }
  | { readonly by: 'private_key_jwt'; readonly key: webcrypto.CryptoKey; readonly kid?: string };

/** The minimum of JOSE. */
const RSA_MIN_BITS = 2048;

/**
 * Checks the options without a request.
 *
 * @throws Misconfigured that names the wrong option, without repeating it.
 */
export function clientCredential(options: OAuthOptions): ClientCredential {
  const { tokenUrl, clientId, clientSecret, privateKey } = options;
  const url = URL.canParse(tokenUrl) ? new URL(tokenUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hash !== '' || `${url.username}${url.password}`)
    refuse('oauth.tokenUrl', 'must be an http or https address without credentials and fragment');
  if (clientId === '') refuse('oauth.clientId', 'must not be empty');
  if (privateKey === undefined) {
    if (clientSecret === undefined) refuse('oauth.clientSecret', 'is missing; set it, or privateKey');
    if (clientSecret === '') refuse('oauth.clientSecret', 'must not be empty');
    return { by: options.clientAuthentication ?? 'basic', clientSecret };
  }
  if (clientSecret !== undefined) refuse('oauth.privateKey', 'replaces clientSecret; set only one of them');
  const { key, kid } = parseKey(privateKey);
  const keyId = options.keyId ?? kid;
  return { by: 'private_key_jwt', key: signingKey(key), ...(keyId !== undefined && { kid: keyId }) };
}

function parseKey(text: string): { readonly key: KeyObject; readonly kid: string | undefined } {
  try {
    if (!text.trimStart().startsWith('{')) return { key: createPrivateKey(text), kid: undefined };
    const jwk: unknown = JSON.parse(text);
    const kid: unknown = typeof jwk === 'object' && jwk !== null ? Reflect.get(jwk, 'kid') : undefined;
    const key = createPrivateKey({ key: jwk as NonNullable<unknown>, format: 'jwk' });
    return { key, kid: typeof kid === 'string' ? kid : undefined };
  } catch {
    // Messages of OpenSSL and JSON.parse may quote the key.
    refuse('oauth.privateKey', 'must be a private key as PEM (PKCS #8, without passphrase) or as JWK');
  }
}

/** The key with its algorithm: RS384 or ES384. */
function signingKey(key: KeyObject): webcrypto.CryptoKey {
  const { asymmetricKeyType, asymmetricKeyDetails } = key;
  if (asymmetricKeyType === 'rsa' && (asymmetricKeyDetails?.modulusLength ?? 0) >= RSA_MIN_BITS) {
    return key.toCryptoKey({ name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }, false, ['sign']);
  }
  if (asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'secp384r1') {
    return key.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-384' }, false, ['sign']);
  }
  refuse('oauth.privateKey', `must be RSA with at least ${RSA_MIN_BITS} bits, or P-384`);
}

function refuse(path: string, how: string): never {
  throw new Misconfigured(`${path} ${how}`, { path });
}
