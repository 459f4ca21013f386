import { timingSafeEqual } from 'node:crypto';
import { AccessError } from './access-error.ts';
import { Lifetime } from './lifetime.ts';
import type { Principal } from './principal.ts';
import type { StoredToken, Token, TokenStore } from './token-store.ts';
import { newTokenId, newTokenText, tokenHash, tokenIdOf } from './token-text.ts';

export interface NewToken extends Pick<Token, 'name' | 'role' | 'grants' | 'createdBy'> {
  /** Undefined: it never expires. */
  readonly lifetimeMs: number | undefined;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** A token that nobody rotates ends after a quarter of a year. */
export const LIFETIME_MS = { least: MINUTE_MS, usual: 90 * DAY_MS, most: 365 * DAY_MS } as const;
export const OVERLAP_MS = { usual: DAY_MS, most: 7 * DAY_MS } as const;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;
const NAME_RULE = 'must be 1 to 63 letters, digits, ".", "-" and "_", beginning with a letter or digit';
/** Revoked and expired ones included; all are in memory. */
const TOKENS_MAX = 10_000;

/** One text of a token, and who sends it. */
interface Text {
  readonly hash: Uint8Array;
  /** Of what was opened with this text. */
  readonly lifetime: Lifetime;
  /** What requests with it get; created by the first one. */
  principal: Principal | undefined;
}

interface Kept {
  token: StoredToken;
  readonly text: Text;
  /** While the former text of a rotated token is valid. */
  readonly former: Text | undefined;
}

/** The tokens that operators make. All are in memory; a change is in the store before its call returns. */
export class Tokens {
  readonly #store: TokenStore;
  readonly #wallMs: () => number;
  readonly #byId = new Map<string, Kept>();
  readonly #byName = new Map<string, Kept>();

  private constructor(store: TokenStore, wallMs: () => number) {
    this.#store = store;
    this.#wallMs = wallMs;
  }

  /** Reads those of a store, which is closed with it. */
  static async open(store: TokenStore, wallMs: () => number): Promise<Tokens> {
    const tokens = new Tokens(store, wallMs);
    await store.open((read, extent) => {
      const gone = new Set(extent === 'all' ? tokens.#byId.keys() : []);
      for (const token of read) {
        gone.delete(token.id);
        tokens.#keep(token, extent);
      }
      for (const id of gone) tokens.#forget(id);
    });
    return tokens;
  }

  /** True while there is a token that can be used. */
  get hasLive(): boolean {
    return [...this.#byId.values()].some(({ token }) => this.#stateOf(token) === 'live');
  }

  /** All of them, by name. */
  list(): readonly Token[] {
    return [...this.#byId.values()].map(({ token }) => token).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws {AccessError} TOKEN_INVALID naming the field, TOKEN_EXISTS, TOKENS_UNAVAILABLE */
  async create({ name, role, grants, createdBy, lifetimeMs }: NewToken): Promise<{ token: Token; text: string }> {
    if (!NAME.test(name)) throw new AccessError('TOKEN_INVALID', NAME_RULE, 'name');
    if (this.#byName.has(name)) throw tokenExists(name);
    if (this.#byId.size >= TOKENS_MAX) {
      throw new AccessError('TOKEN_INVALID', `is one more than the ${TOKENS_MAX} tokens that a hub keeps`, 'name');
    }
    const id = newTokenId();
    const text = newTokenText(id);
    const token = await this.#store.save({
      ...{ id, name, role, grants, createdBy, createdAtMs: this.#wallMs() },
      expiresAtMs: this.#expiry(lifetimeMs),
      ...{ lastUseMs: undefined, revokedAtMs: undefined, overlapEndMs: undefined },
      ...{ hash: tokenHash(text), formerHash: undefined, change: 0 },
    });
    if (token === undefined) throw tokenExists(name);
    return { token, text };
  }

  /** @throws {AccessError} TOKEN_NOT_FOUND, TOKEN_INVALID, TOKENS_UNAVAILABLE */
  async rotate(
    name: string,
    { overlapMs, lifetimeMs }: { overlapMs: number; lifetimeMs: number },
  ): Promise<{ token: Token; text: string }> {
    if (overlapMs < 0 || overlapMs > OVERLAP_MS.most) {
      throw new AccessError('TOKEN_INVALID', 'must be at most 7 days', 'overlap');
    }
    const text = newTokenText(this.#require(name).token.id);
    const token = await this.#change(name, ({ hash }) => ({
      expiresAtMs: this.#expiry(lifetimeMs),
      overlapEndMs: overlapMs === 0 ? undefined : this.#wallMs() + overlapMs,
      hash: tokenHash(text),
      // There are two texts at most.
      formerHash: overlapMs === 0 ? undefined : hash,
    }));
    return { token, text };
  }

  /** Ends a token, its streams included. @throws {AccessError} TOKEN_NOT_FOUND, TOKENS_UNAVAILABLE */
  revoke(name: string): Promise<Token> {
    return this.#change(name, () => ({ revokedAtMs: this.#wallMs() }));
  }

  /**
   * Who has a token.
   *
   * @param text what the caller sent
   * @throws {AccessError} CREDENTIAL_REFUSED, CREDENTIAL_EXPIRED, TOKENS_UNAVAILABLE
   */
  principalOf(text: string): Principal {
    const id = tokenIdOf(text);
    if (id === undefined) throw new AccessError('CREDENTIAL_REFUSED', NO_TOKEN);
    if (!this.#store.isFresh) throw new AccessError('TOKENS_UNAVAILABLE', OUT_OF_DATE);
    const kept = this.#byId.get(id);
    const sent = kept && this.#sentText(kept, tokenHash(text));
    if (kept === undefined || sent === undefined) throw new AccessError('CREDENTIAL_REFUSED', UNKNOWN_TOKEN);
    const { token } = kept;
    const state = this.#stateOf(token);
    if (state === 'revoked')
      throw new AccessError('CREDENTIAL_REFUSED', `the token ${token.name} was revoked; ask an operator for another`);
    if (state === 'expired') {
      const message = `the token ${token.name} has expired; an operator gives it another text: hms-sync token rotate ${token.name}`;
      throw new AccessError('CREDENTIAL_EXPIRED', message);
    }
    this.#used(kept);
    sent.principal ??= toPrincipal(kept.token, sent.lifetime);
    return sent.principal;
  }

  close(): void {
    for (const kept of this.#byId.values()) endTexts(kept);
    this.#store.close();
  }

  /** Which of a token's texts was sent; undefined when it was none of them. */
  #sentText({ text, former, token }: Kept, sent: Buffer): Text | undefined {
    if (timingSafeEqual(text.hash, sent)) return text;
    const overlaps = token.overlapEndMs !== undefined && this.#wallMs() < token.overlapEndMs;
    return overlaps && former !== undefined && timingSafeEqual(former.hash, sent) ? former : undefined;
  }

  #stateOf({ revokedAtMs, expiresAtMs }: Token): 'live' | 'revoked' | 'expired' {
    if (revokedAtMs !== undefined) return 'revoked';
    return expiresAtMs !== undefined && this.#wallMs() >= expiresAtMs ? 'expired' : 'live';
  }

  /** Once a day: a write for each request would cost more than the request. */
  #used(kept: Kept): void {
    const today = Math.floor(this.#wallMs() / DAY_MS) * DAY_MS;
    if (kept.token.lastUseMs === today) return;
    kept.token = { ...kept.token, lastUseMs: today };
    // A full disk, or no database: the day is not worth the request.
    this.#store.save(kept.token).catch(() => undefined);
  }

  /** Changes the token of a name as it is in the store: others may change it meanwhile, or revoke it. */
  async #change(name: string, changes: (token: StoredToken) => Partial<StoredToken>): Promise<StoredToken> {
    for (;;) {
      const { token } = this.#require(name);
      const saved = await this.#store.save({ ...token, ...changes(token) });
      if (saved !== undefined) return saved;
    }
  }

  #expiry(lifetimeMs: number | undefined): number | undefined {
    if (lifetimeMs === undefined) return undefined;
    if (lifetimeMs < LIFETIME_MS.least || lifetimeMs > LIFETIME_MS.most) {
      throw new AccessError('TOKEN_INVALID', 'must be from 1 minute to 365 days', 'lifetime');
    }
    return this.#wallMs() + lifetimeMs;
  }

  #require(name: string): Kept {
    const kept = this.#byName.get(name);
    if (kept !== undefined) return kept;
    const names = [...this.#byName.keys()].sort().slice(0, 16).join(', ');
    throw new AccessError(
      'TOKEN_NOT_FOUND',
      `there is no token ${JSON.stringify(name.slice(0, 63))}; there ${names === '' ? 'is none' : `are ${names}`}`,
      'name',
    );
  }

  /** A token as it is in the store. Texts that it no longer has end, and what was opened with them. */
  #keep(token: StoredToken, extent: 'all' | 'changed'): void {
    const before = this.#byId.get(token.id);
    // Read before it was changed here.
    if (extent === 'changed' && before !== undefined && token.change < before.token.change) return;
    const known = before === undefined ? [] : [before.text, ...(before.former ? [before.former] : [])];
    const textOf = (hash: Uint8Array) => known.find((text) => Buffer.compare(text.hash, hash) === 0) ?? newText(hash);
    const kept: Kept = { token, text: textOf(token.hash), former: token.formerHash && textOf(token.formerHash) };
    this.#byId.set(token.id, kept);
    if (this.#byName.get(token.name)?.token.id === token.id) this.#byName.delete(token.name);
    if (token.revokedAtMs === undefined) this.#byName.set(token.name, kept);
    else endTexts(kept);
    for (const text of known) if (text !== kept.text && text !== kept.former) text.lifetime.end();
    const now = this.#wallMs();
    if (token.expiresAtMs !== undefined) kept.text.lifetime.endAfter(token.expiresAtMs - now);
    // Its streams end with the former text, which is when their clients begin to send the new one.
    if (token.overlapEndMs !== undefined) kept.former?.lifetime.endAfter(token.overlapEndMs - now);
  }

  #forget(id: string): void {
    const kept = this.#byId.get(id);
    if (kept === undefined) return;
    this.#byId.delete(id);
    if (this.#byName.get(kept.token.name) === kept) this.#byName.delete(kept.token.name);
    endTexts(kept);
  }
}

const NO_TOKEN = 'the credential is no token of a hub, or was mistyped; send authorization: Bearer hms_...';
const UNKNOWN_TOKEN =
  'this hub does not know the token; ask an operator for one: hms-sync token create hms-api --role publisher';

const OUT_OF_DATE =
  'the hub has not reached the database of its tokens for a minute, so whether yours was revoked is unknown; try again';

function tokenExists(name: string): AccessError {
  const message = `there is a token ${name}; rotate it, or revoke it and create it again`;
  return new AccessError('TOKEN_EXISTS', message, 'name');
}

function newText(hash: Uint8Array): Text {
  return { hash, lifetime: new Lifetime(), principal: undefined };
}

function endTexts({ text, former }: Kept): void {
  text.lifetime.end();
  former?.lifetime.end();
}

function toPrincipal({ id, name, role, grants, expiresAtMs }: Token, lifetime: Lifetime): Principal {
  return Object.freeze({ kind: 'token', name, role, grants, credential: id, expiresAtMs, lifetime });
}
