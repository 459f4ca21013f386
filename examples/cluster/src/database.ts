import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { Pool } from 'pg';

/** The hub that runs each adapter, by the name that the hubs have in the database. Undefined: none, for the moment. */
export type Owners = ReadonlyMap<string, string | undefined>;

/** The one PostgreSQL that the hubs share. */
export class Database {
  readonly #server: PostgresServer;
  readonly #pool: Pool;

  private constructor(server: PostgresServer) {
    this.#server = server;
    this.#pool = new Pool({ connectionString: server.url(), max: 1, options: '-c search_path=hms_sync' });
    // Its connection ends when the server restarts; the next query makes another.
    this.#pool.on('error', () => undefined);
  }

  static async start(): Promise<Database> {
    return new Database(await PostgresServer.create());
  }

  get url(): string {
    return this.#server.url();
  }

  /** @throws Error while the server is down */
  async hubNames(): Promise<readonly string[]> {
    const { rows } = await this.#pool.query<{ name: string }>('SELECT name FROM hub');
    return rows.map(({ name }) => name);
  }

  /** @throws Error while the server is down */
  async owners(): Promise<Owners> {
    const { rows } = await this.#pool.query<{ adapter: string; name: string | null }>(
      'SELECT adapter, name FROM lane LEFT JOIN hub ON hub.id = lane.owner ORDER BY adapter',
    );
    return new Map(rows.map(({ adapter, name }) => [adapter, name ?? undefined]));
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }

  startAgain(): Promise<void> {
    return this.#server.start();
  }

  async close(): Promise<void> {
    await this.#pool.end();
    await this.#server.close();
  }
}
