import { type Grants, ofPublisher } from './grants.ts';
import type { Lifetime } from './lifetime.ts';
import { type Listed, relist } from './listed.ts';
import type { Role } from './permissions.ts';
import type { Principal } from './principal.ts';
import { tokenHash, tokenIdOf } from './token-text.ts';

/** A token of the configuration file. */
export interface FileToken extends Grants {
  readonly name: string;
  /** Of its whole text, as 64 hexadecimal digits. */
  readonly sha256: string;
  readonly role: Role;
}

/** The tokens of the configuration file. */
export class FileTokens {
  #listed: readonly Listed<FileToken, Principal>[] = [];
  #byHash: ReadonlyMap<string, Principal> = new Map();

  constructor(tokens: readonly FileToken[]) {
    this.replace(tokens);
  }

  /** Puts the tokens of the file as it is now in place of those before: the streams of one that is gone end. */
  replace(tokens: readonly FileToken[]): void {
    this.#listed = relist(this.#listed, tokens, toPrincipal);
    this.#byHash = new Map(this.#listed.map(({ entry, made }) => [entry.sha256, made]));
  }

  /** Who has the token; undefined when it is none of the file. */
  principalOf(text: string): Principal | undefined {
    // A hash is compared, not the token: how long that takes says nothing of its text.
    const isKnown = this.#byHash.size > 0 && tokenIdOf(text) !== undefined;
    return isKnown ? this.#byHash.get(tokenHash(text).toString('hex')) : undefined;
  }
}

function toPrincipal({ name, role, sha256: _, ...grants }: FileToken, lifetime: Lifetime): Principal {
  return Object.freeze({
    kind: 'token',
    name,
    role,
    grants: ofPublisher(role, name, grants),
    credential: name,
    expiresAtMs: undefined,
    lifetime,
  });
}
