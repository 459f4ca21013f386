import { AccessError } from '../../access/access-error.ts';
import type { StoredToken, TokenStore, TokensRead } from '../../access/token-store.ts';
import type { Rows } from './rows.ts';

/** A change at one hub is in force at all others within a second. */
const READ_EVERY_MS = 250;

/** How long tokens are believed that could not be read again: they may have been revoked since. */
const FRESH_MS = 60_000;

/** Under the lock that puts the writes of a journal in order, so that no change is committed after a later one. */
export const TOKENS = `
  CREATE TABLE token (
    id text PRIMARY KEY,
    name text NOT NULL,
    is_revoked boolean NOT NULL,
    content text NOT NULL,
    change bigint NOT NULL UNIQUE
  );
  CREATE UNIQUE INDEX token_in_force ON token (name) WHERE NOT is_revoked;
  CREATE SEQUENCE token_change;

  CREATE FUNCTION save_token(seen bigint, which text, its_name text, revoked boolean, its_content text) RETURNS bigint
  LANGUAGE plpgsql AS $$
  DECLARE
    saved bigint;
  BEGIN
    PERFORM lock_journal();
    IF seen = 0 THEN
      INSERT INTO token VALUES (which, its_name, revoked, its_content, nextval('token_change')) ON CONFLICT DO NOTHING
      RETURNING change INTO saved;
    ELSE
      UPDATE token SET is_revoked = revoked, content = its_content, change = nextval('token_change')
      WHERE id = which AND change = seen RETURNING change INTO saved;
    END IF;
    RETURN saved;
  END $$;
`;

/** The tokens of hubs that share a journal, in its database. */
export class PostgresTokens implements TokenStore {
  readonly #hubs: Rows & { readonly session: number };
  #report: TokensRead = () => undefined;
  /** The newest change that was reported. */
  #seen = 0;
  /** In which that was. */
  #session = 0;
  #readAtMs = 0;
  #reading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(hubs: Rows & { readonly session: number }) {
    this.#hubs = hubs;
  }

  get isFresh(): boolean {
    return performance.now() - this.#readAtMs < FRESH_MS;
  }

  async open(report: TokensRead): Promise<void> {
    this.#report = report;
    await this.#read();
    this.#readLater();
  }

  async save(token: StoredToken): Promise<StoredToken | undefined> {
    const { id, name, revokedAtMs, change: seen } = token;
    try {
      const [[change] = [null]] = await this.#hubs.rows<[number | null]>(
        'save_token',
        'SELECT save_token($1, $2, $3, $4, $5)',
        [seen, id, name, revokedAtMs !== undefined, toContent(token)],
      );
      if (change !== null) {
        const saved = { ...token, change };
        this.#report([saved], 'changed');
        return saved;
      }
      // One that is under way may have begun before the other change.
      await this.#reading;
      await this.#read();
      return undefined;
    } catch (cause) {
      const message = `the database of the tokens did not answer, so whether it was done is unknown; try again, and see hms-sync token list`;
      throw new AccessError('TOKENS_UNAVAILABLE', message, '', { cause });
    }
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #readLater(): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#read().then(
        () => this.#readLater(),
        () => this.#readLater(),
      );
    }, READ_EVERY_MS);
  }

  #read(): Promise<void> {
    this.#reading ??= this.#readChanges().finally(() => {
      this.#reading = undefined;
    });
    return this.#reading;
  }

  async #readChanges(): Promise<void> {
    for (;;) {
      const startedMs = performance.now();
      const after = this.#seen;
      const rows = await this.#hubs.rows<[string, number]>(
        'tokens',
        'SELECT content, change FROM token WHERE change > $1 ORDER BY change',
        [after],
      );
      const isSameDatabase = this.#session === this.#hubs.session;
      this.#session = this.#hubs.session;
      if (after > 0 && !isSameDatabase) {
        this.#seen = 0;
        continue;
      }
      this.#readAtMs = startedMs;
      this.#seen = rows.at(-1)?.[1] ?? after;
      if (!this.#isClosed && (rows.length > 0 || after === 0))
        this.#report(rows.map(toToken), after === 0 ? 'all' : 'changed');
      return;
    }
  }
}

function toContent({ change: _, hash, formerHash, ...token }: StoredToken): string {
  return JSON.stringify({ ...token, hash: toHex(hash), formerHash: formerHash && toHex(formerHash) });
}

function toToken([content, change]: readonly [string, number]): StoredToken {
  const { hash, formerHash, ...token } = JSON.parse(content);
  return { ...token, hash: fromHex(hash), formerHash: formerHash && fromHex(formerHash), change };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function fromHex(text: string): Buffer {
  return Buffer.from(text, 'hex');
}
