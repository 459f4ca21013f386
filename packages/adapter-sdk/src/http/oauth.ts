import { createPrivateKey, type KeyObject, type webcrypto } from 'node:crypto';
import { Misconfigured } from '../adapter-error.ts';

/**
 * OAuth 2.0 client credentials (RFC 6749, 4.4): the pool asks `tokenUrl` for an access token, sends it as bearer token,
 * and asks for another shortly before it expires or once the system answers 401. Exactly one of `clientSecret` and
 * `privateKey` says who asks.
 */
export interface OAuthOptions {
  /** Where tokens are given out: https, or http on a network that is trusted. It may have a query. */
  readonly tokenUrl: string;
  /** Who asks, as the system knows it. */
  readonly clientId: string;
  /** The client's secret. */
  readonly clientSecret?: string | undefined;
  /** How the secret is sent: in the `authorization` header (`basic`, the default) or in the form (`post`). */
  readonly clientAuthentication?: 'basic' | 'post' | undefined;
  /**
   * The client's private key, for `private_key_jwt` as SMART Backend Services asks for it: PEM (PKCS #8) or a JWK as
   * JSON text. RSA of 2,048 bits or more signs by RS384, an elliptic curve P-384 by ES384.
   */
  readonly privateKey?: string | undefined;
  /** Names the public key of the client that the system should use. Absent: the `kid` of the JWK, if it is one. */
  readonly keyId?: string | undefined;
  /** What is asked for, separated by spaces, such as `system/Patient.rs`. Absent: what the system gives by itself. */
  readonly scope?: string | undefined;
  /** Further fields of the form, such as `audience` or `resource`. */
  readonly parameters?: Readonly<Record<string, string>> | undefined;
}

/** How a client shows who it is, checked. */
export type ClientCredential =
  | { readonly by: 'basic' | 'post'; readonly clientSecret: string }
  | { readonly by: 'private_key_jwt'; readonly key: webcrypto.CryptoKey; readonly kid?: string };

/** Below this a key can be factored, and JOSE forbids it. */
const RSA_MIN_BITS = 2048;

/**
 * Checks what can be checked without asking anybody.
 *
 * @throws Misconfigured that names the option that is wrong, without repeating it.
 */
export function clientCredential(options: OAuthOptions): ClientCredential {
  const { tokenUrl, clientId, clientSecret, privateKey } = options;
  const url = URL.canParse(tokenUrl) ? new URL(tokenUrl) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.hash !== '' || `${url.username}${url.password}`)
    refuse('oauth.tokenUrl', 'must be an http or https address without credentials and fragment');
  if (clientId === '') refuse('oauth.clientId', 'must not be empty');
  if (privateKey === undefined) {
    if (clientSecret === undefined) refuse('oauth.clientSecret', 'is missing; give it, or a privateKey');
    if (clientSecret === '') refuse('oauth.clientSecret', 'must not be empty');
    return { by: options.clientAuthentication ?? 'basic', clientSecret };
  }
  if (clientSecret !== undefined) refuse('oauth.privateKey', 'takes the place of clientSecret; give one of them');
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
    // What OpenSSL and JSON.parse say may quote the key.
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
  refuse('oauth.privateKey', `must be RSA of ${RSA_MIN_BITS} bits or more, or an elliptic curve P-384`);
}

function refuse(path: string, how: string): never {
  throw new Misconfigured(`${path} ${how}`, { path });
}
