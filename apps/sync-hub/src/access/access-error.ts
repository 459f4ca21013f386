/** Why a caller is not served: for programs. */
export type AccessErrorCode =
  /** No credential, and the hub serves nobody without one. */
  | 'CREDENTIAL_MISSING'
  /** A credential that is not valid, or was revoked. */
  | 'CREDENTIAL_REFUSED'
  | 'CREDENTIAL_EXPIRED'
  /** The keys of the issuer of a JWT cannot be read; whether it is valid is unknown. */
  | 'ISSUER_UNAVAILABLE'
  /** The database of the tokens cannot be reached; whether a token is valid, or was changed, is unknown. */
  | 'TOKENS_UNAVAILABLE'
  /** The principal's role or grants do not include it. */
  | 'PERMISSION_DENIED'
  /** What is asked of the tokens is not possible. */
  | 'TOKEN_INVALID'
  | 'TOKEN_NOT_FOUND'
  | 'TOKEN_EXISTS';

/** A refusal of access. The message says what to do and holds nothing of a credential. */
export class AccessError extends Error {
  override readonly name = 'AccessError';
  readonly code: AccessErrorCode;
  /** The field of the request that is wrong; empty for the request as a whole. */
  readonly field: string;

  constructor(code: AccessErrorCode, message: string, field = '', options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.field = field;
  }
}
