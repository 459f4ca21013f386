import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { FolderError } from '../files/private-folder.ts';
import type { Role } from './permissions.ts';
import type { StoredToken, TokenStore, TokensRead } from './token-store.ts';

const FILE = 'access.db';

/**
 * The tokens of a hub that has its journal to itself, in `access.db` of the data folder: beside the journal and not in it,
 * so that a restored backup revives no token that was revoked.
 */
export class TokenFile implements TokenStore {
  readonly #database: DatabaseSync;
  #report: TokensRead = () => undefined;
  readonly isFresh = true;

  /**
   * Opens the file, or makes it.
   *
   * @param folder the data folder, which exists and is private
   * @throws {FolderError}
   */
  constructor(folder: string) {
    const path = join(folder, FILE);
    const isNew = !existsSync(path);
    try {
      this.#database = new DatabaseSync(path);
      if (isNew) chmodSync(path, 0o600);
      this.#database.exec(SETTINGS + SCHEMA);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new FolderError(
        `${path} cannot be read (${why}). Restore it from a copy, or move it away: then every token is gone.`,
        { cause },
      );
    }
  }

  async open(report: TokensRead): Promise<void> {
    this.#report = report;
    report(this.#database.prepare('SELECT * FROM token').all().map(toToken), 'all');
  }

  async save(token: StoredToken): Promise<StoredToken> {
    this.#database
      .prepare('INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)')
      .run(
        ...[token.id, token.name, token.role, JSON.stringify(token.grants), token.createdAtMs, token.createdBy],
        ...[token.expiresAtMs ?? null, token.lastUseMs ?? null, token.revokedAtMs ?? null],
        ...[token.overlapEndMs ?? null, token.hash, token.formerHash ?? null],
      );
    // In the same turn: nobody else writes the file, so what was read is what is there.
    this.#report([token], 'changed');
    return token;
  }

  close(): void {
    this.#database.close();
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

function toToken(row: Record<string, unknown>): StoredToken {
  const optional = (value: unknown) => (value === null ? undefined : Number(value));
  return {
    id: String(row.id),
    name: String(row.name),
    role: row.role as Role,
    grants: JSON.parse(String(row.grants)),
    createdAtMs: Number(row.created_ms),
    createdBy: String(row.created_by),
    expiresAtMs: optional(row.expires_ms),
    lastUseMs: optional(row.last_use_ms),
    revokedAtMs: optional(row.revoked_ms),
    overlapEndMs: optional(row.overlap_end_ms),
    hash: row.hash as Uint8Array,
    formerHash: row.former_hash === null ? undefined : (row.former_hash as Uint8Array),
    change: 0,
  };
}
