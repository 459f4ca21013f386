import { randomUUID } from 'node:crypto';
import type { ClientCredential, OAuthOptions } from './oauth.ts';

/** SMART Backend Services allows five minutes; one less leaves room for a clock that runs ahead. */
const ASSERTION_LIFE_S = 240;

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** What is sent to the token endpoint. */
export interface TokenRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Makes the request for one token. Each has an assertion of its own, because a `jti` is taken once. */
export async function tokenRequest(options: OAuthOptions, credential: ClientCredential): Promise<TokenRequest> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    ...(options.scope !== undefined && { scope: options.scope }),
    ...options.parameters,
  });
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  switch (credential.by) {
    case 'basic': {
      // RFC 6749, 2.3.1: both are form-encoded before they are joined, so that a colon in them is none.
      const pair = `${formEncoded(options.clientId)}:${formEncoded(credential.clientSecret)}`;
      headers.authorization = `Basic ${Buffer.from(pair).toString('base64')}`;
      break;
    }
    case 'post':
      form.set('client_id', options.clientId);
      form.set('client_secret', credential.clientSecret);
      break;
    case 'private_key_jwt':
      form.set('client_assertion_type', assertionType);
      form.set('client_assertion', await assertion(options, credential));
      break;
    default:
      credential satisfies never;
  }
  return { headers, body: form.toString() };
}

async function assertion(
  { clientId, tokenUrl }: OAuthOptions,
  { key, algorithm, keyId }: Extract<ClientCredential, { by: 'private_key_jwt' }>,
): Promise<string> {
  // Loaded when it is needed: most adapters never need it, and each starts faster without.
  const { SignJWT } = await import('jose');
  const nowS = Math.floor(Date.now() / 1000);
  return new SignJWT()
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(keyId !== undefined && { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(tokenUrl)
    .setJti(randomUUID())
    .setIssuedAt(nowS)
    .setExpirationTime(nowS + ASSERTION_LIFE_S)
    .sign(key);
}

function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
