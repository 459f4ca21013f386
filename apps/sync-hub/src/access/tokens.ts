import { timingSafeEqual } from 'node:crypto';
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FolderError } from '../files/private-folder.ts';
import { AccessError } from './access-error.ts';
import type { Grants } from './grants.ts';
import { Lifetime } from './lifetime.ts';
import type { Role } from './permissions.ts';
import type { Principal } from './principal.ts';
import { newTokenId, newTokenText, tokenHash, tokenIdOf } from './token-text.ts';

/** A token as it is kept: everything but its text. Times are milliseconds since 1970. */
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
const FILE = 'access.db';

/** One text of a token, and who sends it. */
interface Text {
  readonly hash: Buffer;
  /** Of what was opened with this text. */
  readonly lifetime: Lifetime;
  /** What requests with it get; created by the first one. */
  principal: Principal | undefined;
}

interface Kept {
  token: Token;
  readonly text: Text;
  /** While the former text of a rotated token is valid. */
  readonly former: Text | undefined;
}

/**
 * The tokens that operators make, in `access.db` of the data folder: beside the journal and not in it, so that a restored
 * backup revives no token that was revoked. A change is on disk before its call returns.
 */
export class Tokens {
  readonly #database: DatabaseSync;
  readonly #wallMs: () => number;
  readonly #byId = new Map<string, Kept>();
  readonly #byName = new Map<string, Kept>();

  /**
   * Opens the file, or makes it.
   *
   * @param folder the data folder, which exists and is private
   * @throws {FolderError}
   */
  constructor(folder: string, wallMs: () => number) {
    const path = join(folder, FILE);
    const isNew = !existsSync(path);
    this.#wallMs = wallMs;
    try {
      this.#database = new DatabaseSync(path);
      if (isNew) chmodSync(path, 0o600);
      this.#database.exec(SETTINGS + SCHEMA);
      for (const row of this.#database.prepare('SELECT * FROM token').all()) this.#keep(toKept(row));
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FolderError(
        `${path} cannot be read (${why}). Restore it from a copy, or move it away: then every token is gone.`,
        { cause },
      );
    }
  }

  /** True while there is a token that can be used. */
  get hasLive(): boolean {
    return [...this.#byId.values()].some(({ token }) => this.#stateOf(token) === 'live');
  }

  /** All of them, by name. */
  list(): readonly Token[] {
    return [...this.#byId.values()].map(({ token }) => token).sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** @throws {AccessError} TOKEN_INVALID naming the field, TOKEN_EXISTS */
  create({ name, role, grants, createdBy, lifetimeMs }: NewToken): { token: Token; text: string } {
    if (!NAME.test(name)) throw new AccessError('TOKEN_INVALID', NAME_RULE, 'name');
    if (this.#byName.has(name)) {
      const message = `there is a token ${name}; rotate it, or revoke it and create it again`;
      throw new AccessError('TOKEN_EXISTS', message, 'name');
    }
    if (this.#byId.size >= TOKENS_MAX) {
      throw new AccessError('TOKEN_INVALID', `is one more than the ${TOKENS_MAX} tokens that a hub keeps`, 'name');
    }
    const id = newTokenId();
    const text = newTokenText(id);
    const now = this.#wallMs();
    const token: Token = {
      ...{ id, name, role, grants, createdBy, createdAtMs: now },
      expiresAtMs: this.#expiry(lifetimeMs),
      ...{ lastUseMs: undefined, revokedAtMs: undefined, overlapEndMs: undefined },
    };
    const kept: Kept = { token, text: newText(tokenHash(text)), former: undefined };
    this.#save(kept);
    this.#keep(kept);
    return { token, text };
  }

  /** @throws {AccessError} TOKEN_NOT_FOUND, TOKEN_INVALID */
  rotate(
    name: string,
    { overlapMs, lifetimeMs }: { overlapMs: number; lifetimeMs: number },
  ): { token: Token; text: string } {
    if (overlapMs < 0 || overlapMs > OVERLAP_MS.most) {
      throw new AccessError('TOKEN_INVALID', 'must be at most 7 days', 'overlap');
    }
    const former = this.#require(name);
    const text = newTokenText(former.token.id);
    const overlapEndMs = overlapMs === 0 ? undefined : this.#wallMs() + overlapMs;
    const token = { ...former.token, expiresAtMs: this.#expiry(lifetimeMs), overlapEndMs };
    const kept: Kept = {
      token,
      text: newText(tokenHash(text)),
      former: overlapEndMs === undefined ? undefined : former.text,
    };
    this.#save(kept);
    // There are two texts at most.
    former.former?.lifetime.end();
    this.#keep(kept);
    // Its streams end with the former text, which is when their clients begin to send the new one.
    former.text.lifetime.endAfter(overlapMs);
    return { token, text };
  }

  /** Ends a token, its streams included. @throws {AccessError} TOKEN_NOT_FOUND */
  revoke(name: string): Token {
    const kept = this.#require(name);
    const token = { ...kept.token, revokedAtMs: this.#wallMs() };
    this.#save({ ...kept, token });
    kept.token = token;
    this.#byName.delete(name);
    endTexts(kept);
    return token;
  }

  /**
   * Who has a token.
   *
   * @param text what the caller sent
   * @throws {AccessError} CREDENTIAL_REFUSED, CREDENTIAL_EXPIRED
   */
  principalOf(text: string): Principal {
    const id = tokenIdOf(text);
    if (id === undefined) throw new AccessError('CREDENTIAL_REFUSED', NO_TOKEN);
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
    this.#database.close();
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
    try {
      this.#database.prepare('UPDATE token SET last_use_ms = ? WHERE id = ?').run(today, kept.token.id);
    } catch {
      // A full disk: the day is not worth the request.
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

  #keep(kept: Kept): void {
    const { token } = kept;
    this.#byId.set(token.id, kept);
    if (token.revokedAtMs === undefined) this.#byName.set(token.name, kept);
    const now = this.#wallMs();
    if (token.expiresAtMs !== undefined) kept.text.lifetime.endAfter(token.expiresAtMs - now);
    if (token.overlapEndMs !== undefined) kept.former?.lifetime.endAfter(token.overlapEndMs - now);
  }

  #save({ token, text, former }: Kept): void {
    this.#database
      .prepare('INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        ...[token.id, token.name, token.role, JSON.stringify(token.grants), token.createdAtMs, token.createdBy],
        ...[token.expiresAtMs ?? null, token.lastUseMs ?? null, token.revokedAtMs ?? null],
        ...[token.overlapEndMs ?? null, text.hash, former?.hash ?? null],
      );
  }
}

const SETTINGS = 'PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON; ';
const SCHEMA = `CREATE TABLE IF NOT EXISTS token (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  grants TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_ms INTEGER,
  last_use_ms INTEGER,
  revoked_ms INTEGER,
  overlap_end_ms INTEGER,
  hash BLOB NOT NULL,
  former_hash BLOB
) STRICT`;

const NO_TOKEN = 'the credential is no token of a hub, or was mistyped; send authorization: Bearer hms_...';
const UNKNOWN_TOKEN =
  'this hub does not know the token; ask an operator for one: hms-sync token create hms-api --role publisher';

function newText(hash: Buffer): Text {
  return { hash, lifetime: new Lifetime(), principal: undefined };
}

function endTexts({ text, former }: Kept): void {
  text.lifetime.end();
  former?.lifetime.end();
}

function toPrincipal({ id, name, role, grants, expiresAtMs }: Token, lifetime: Lifetime): Principal {
  return Object.freeze({ kind: 'token', name, role, grants, credential: id, expiresAtMs, lifetime });
}

function toKept(row: Record<string, unknown>): Kept {
  const optional = (value: unknown) => (value === null ? undefined : Number(value));
  const token: Token = {
    id: String(row.id),
    name: String(row.name),
    role: row.role as Role,
    grants: JSON.parse(String(row.grants)) as Grants,
    createdAtMs: Number(row.created_ms),
    createdBy: String(row.created_by),
    expiresAtMs: optional(row.expires_ms),
    lastUseMs: optional(row.last_use_ms),
    revokedAtMs: optional(row.revoked_ms),
    overlapEndMs: optional(row.overlap_end_ms),
  };
  const former = row.former_hash === null ? undefined : newText(Buffer.from(row.former_hash as Uint8Array));
  return { token, text: newText(Buffer.from(row.hash as Uint8Array)), former };
}
