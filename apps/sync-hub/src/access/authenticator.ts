import { AccessError } from './access-error.ts';
import type { ClientCertificate } from './client-certificate.ts';
import type { VerifyJwt } from './jwt.ts';
import { ANONYMOUS_PRINCIPAL, OPEN_PRINCIPAL, type Principal, SOCKET_PRINCIPAL } from './principal.ts';

/** What a request shows of who makes it. */
export interface Shown {
  /** It came by the hub's Unix socket. */
  readonly bySocket: boolean;
  /** Every `authorization` header, as it was sent. */
  readonly authorization: readonly string[];
  /** The path and query. */
  readonly target: string;
  /** The verified client certificate of its connection; undefined without one. */
  readonly certificate: () => ClientCertificate | undefined;
}

export interface AuthenticatorOptions {
  /**
   * Who is served without a credential over TCP: nobody, `hms-sync dev`'s anonymous callers, or everybody as an
   * administrator (`auth: none`).
   */
  readonly withoutCredential: 'nobody' | 'anonymous' | 'everybody';
  /** Who has a token. @throws {AccessError} */
  readonly token: (text: string) => Principal;
  /** Who has a JWT. Rejects with an AccessError. */
  readonly jwt: VerifyJwt;
}

/** `authorization: Bearer <credential>` (RFC 6750, section 2.1). */
const BEARER = /^Bearer +([A-Za-z0-9._~+/=-]+) *$/i;
const JWT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/;
/** In a query it would end in logs, histories and referrers (RFC 6750, section 5.3). */
const IN_QUERY = /[?&](?:access_token|token|authorization)=|hms_[0-9A-Za-z]{8}_/i;

/**
 * Who makes a request. A credential that is shown and wrong is refused: it never falls back to another, or to none.
 */
export class Authenticator {
  readonly #options: AuthenticatorOptions;

  constructor(options: AuthenticatorOptions) {
    this.#options = options;
  }

  /**
   * At once for all but a JWT, whose signature is verified on another thread.
   *
   * @throws {AccessError} CREDENTIAL_MISSING, CREDENTIAL_REFUSED, CREDENTIAL_EXPIRED
   */
  principalOf({ bySocket, authorization, target, certificate }: Shown): Principal | Promise<Principal> {
    if (IN_QUERY.test(target)) throw new AccessError('CREDENTIAL_REFUSED', CREDENTIAL_IN_URL);
    const [header, ...more] = authorization;
    if (more.length > 0)
      throw new AccessError('CREDENTIAL_REFUSED', 'the request has two authorization headers; send one');
    if (header !== undefined) return this.#bearer(header, certificate);
    if (bySocket) return SOCKET_PRINCIPAL;
    const known = certificate()?.principal;
    if (known?.lifetime?.isOver === true) throw new AccessError('CREDENTIAL_EXPIRED', CERTIFICATE_EXPIRED);
    if (known !== undefined) return known;
    switch (this.#options.withoutCredential) {
      case 'everybody':
        return OPEN_PRINCIPAL;
      case 'anonymous':
        return ANONYMOUS_PRINCIPAL;
      default:
        throw new AccessError('CREDENTIAL_MISSING', CREDENTIAL_MISSING);
    }
  }

  #bearer(header: string, certificate: Shown['certificate']): Principal | Promise<Principal> {
    const [, credential] = BEARER.exec(header) ?? [];
    if (credential === undefined) throw new AccessError('CREDENTIAL_REFUSED', NOT_BEARER);
    if (!JWT.test(credential)) return this.#options.token(credential);
    return this.#options.jwt(credential, certificate());
  }
}

const CREDENTIAL_MISSING =
  "the hub serves nobody without a credential; send authorization: Bearer <token>, which an operator makes on the hub's machine: hms-sync token create hms-api --role publisher";
const CREDENTIAL_IN_URL =
  'a credential in a URL ends in logs; send it as authorization: Bearer <token>, and have this one revoked';
const CERTIFICATE_EXPIRED =
  'the client certificate has expired since the connection was made; connect again with a new one';
const NOT_BEARER = 'the authorization header is not "Bearer <token>"';
