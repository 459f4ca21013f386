import { type Grants, ofPublisher } from './grants.ts';
import type { Role } from './permissions.ts';
import type { Principal } from './principal.ts';
import { tokenHash, tokenIdOf } from './token-text.ts';
import type { Tokens } from './tokens.ts';

/** A token of the configuration file. */
export interface FileToken extends Grants {
  readonly name: string;
  /** Of its whole text, as 64 hexadecimal digits. */
  readonly sha256: string;
  readonly role: Role;
}

/** Who has a token: one of the file, or one that an operator made. The result throws what {@link Tokens.principalOf} does. */
export function createTokenLookup(made: Tokens, ofFile: readonly FileToken[]): (text: string) => Principal {
  const byHash = new Map(ofFile.map((token) => [token.sha256, toPrincipal(token)]));
  return (text) => {
    // A hash is compared, not the token: how long that takes says nothing of its text.
    const ofThis =
      byHash.size === 0 || tokenIdOf(text) === undefined ? undefined : byHash.get(tokenHash(text).toString('hex'));
    return ofThis ?? made.principalOf(text);
  };
}

function toPrincipal({ name, role, sha256: _, ...grants }: FileToken): Principal {
  return Object.freeze({
    kind: 'token',
    name,
    role,
    grants: ofPublisher(role, name, grants),
    credential: name,
    expiresAtMs: undefined,
    lifetime: undefined,
  });
}
