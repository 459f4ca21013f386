import type { Grants } from './grants.ts';
import type { Role } from './permissions.ts';

/** A token as it is shown: everything but its text. Times are milliseconds since 1970. */
export interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly grants: Grants;
  readonly createdAtMs: number;
  /** The name of the principal that made it. */
  readonly createdBy: string;
  /** Undefined: never. */
  readonly expiresAtMs: number | undefined;
  /** Midnight UTC of the last day on which it was used. */
  readonly lastUseMs: number | undefined;
  readonly revokedAtMs: number | undefined;
  /** While the former text of a rotated token is valid: until when. */
  readonly overlapEndMs: number | undefined;
}

/** A token as it is kept. */
export interface StoredToken extends Token {
  /** Of its text, see tokenHash. */
  readonly hash: Uint8Array;
  /** Of its former text; undefined without one. */
  readonly formerHash: Uint8Array | undefined;
  /** The store's number of its last change; higher with each. 0: it is not in the store yet. */
  readonly change: number;
}

/** Tokens that the store has. `all`: there are no others; else those that changed, here or at another hub. */
export type TokensRead = (tokens: readonly StoredToken[], extent: 'all' | 'changed') => void;

/** Where tokens are kept. */
export interface TokenStore {
  /** Resolves once all were reported; from then on whatever changes is reported. */
  open(report: TokensRead): Promise<void>;
  /**
   * Writes a token; it is on disk, and was reported, once this resolves. Undefined: nothing was written, since the token
   * is not as it was read, or the name of a new one is taken; what is there was reported.
   *
   * @throws {AccessError} TOKENS_UNAVAILABLE: whether it was written is unknown
   */
  save(token: StoredToken): Promise<StoredToken | undefined>;
  /** False once what was reported may be out of date. */
  readonly isFresh: boolean;
  close(): void;
}
