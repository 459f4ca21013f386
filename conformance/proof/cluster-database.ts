import { setTimeout as elapse } from 'node:timers/promises';
import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { Client } from 'pg';

/** One change of a lane's owner, as the database made it. */
export interface OwnerChange {
  readonly adapter: string;
  /** The name of a hub's data folder, the same for each of its processes; null: nobody. */
  readonly before: string | null;
  readonly after: string | null;
}

const SCHEMA = 'hms_sync';

/** Who owned which lane is written down by the database itself, in the transaction that changes it. */
const WATCH = `
  CREATE TABLE ${SCHEMA}.owner_change (number bigserial PRIMARY KEY, adapter text, before text, after text);
  CREATE TABLE ${SCHEMA}.hub_name (id text PRIMARY KEY, name text);
  CREATE FUNCTION ${SCHEMA}.note_hub() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO ${SCHEMA}.hub_name VALUES (NEW.id, NEW.name) ON CONFLICT DO NOTHING;
    RETURN NULL;
  END $$;
  CREATE FUNCTION ${SCHEMA}.note_owner() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    INSERT INTO ${SCHEMA}.owner_change (adapter, before, after) VALUES (NEW.adapter,
      (SELECT name FROM ${SCHEMA}.hub_name WHERE id = OLD.owner), (SELECT name FROM ${SCHEMA}.hub_name WHERE id = NEW.owner));
    RETURN NULL;
  END $$;
  CREATE TRIGGER note_hub AFTER INSERT ON ${SCHEMA}.hub FOR EACH ROW EXECUTE FUNCTION ${SCHEMA}.note_hub();
  CREATE TRIGGER note_owner AFTER UPDATE OF owner, epoch ON ${SCHEMA}.lane FOR EACH ROW
    WHEN (OLD.owner IS DISTINCT FROM NEW.owner) EXECUTE FUNCTION ${SCHEMA}.note_owner();
  INSERT INTO ${SCHEMA}.hub_name SELECT id, name FROM ${SCHEMA}.hub`;

const LOOK_AGAIN_MS = 100;

/** The one PostgreSQL that all hubs share, and what only the database can say of them. */
export class ClusterDatabase {
  readonly #server: PostgresServer;
  #client: Client | undefined;

  private constructor(server: PostgresServer) {
    this.#server = server;
  }

  static async start(): Promise<ClusterDatabase> {
    return new ClusterDatabase(await PostgresServer.create());
  }

  get url(): string {
    return this.#server.url();
  }

  /** Writes down who owns which lane from now on. A hub has made the journal. */
  async watchOwners(): Promise<void> {
    await this.query(WATCH);
  }

  async ownerChanges(): Promise<readonly OwnerChange[]> {
    return this.query<OwnerChange>(`SELECT adapter, before, after FROM ${SCHEMA}.owner_change ORDER BY number`);
  }

  /** The name of a hub's data folder, in the journal. @param known the names of all others */
  async nameOfNew(known: readonly string[]): Promise<string> {
    const [row] = await this.query<{ name: string }>(
      `SELECT name FROM ${SCHEMA}.hub WHERE NOT name = ANY ('{${known.join()}}') LIMIT 1`,
    );
    return row?.name ?? '';
  }

  /** The names of the hubs that own a lane. */
  async owners(): Promise<readonly string[]> {
    const rows = await this.query<{ name: string }>(
      `SELECT DISTINCT h.name FROM ${SCHEMA}.lane l JOIN ${SCHEMA}.hub h ON h.id = l.owner ORDER BY 1`,
    );
    return rows.map(({ name }) => name);
  }

  /** Resolves once another hub owns a lane, or the time is over. */
  async ownerChanged(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs;
    const count = () => this.query<{ count: string }>(`SELECT count(*) FROM ${SCHEMA}.owner_change`);
    const [before] = await count();
    while (performance.now() < untilMs) {
      const [now] = await count();
      if (now?.count !== before?.count) return;
      await elapse(LOOK_AGAIN_MS);
    }
  }

  /** What is neither settled nor a dead letter, and the dead letters. */
  async left(): Promise<{ readonly open: number; readonly dead: number }> {
    const [row] = await this.query<{ open: number; dead: number }>(
      `SELECT count(*) FILTER (WHERE state < 2)::int AS open, count(*) FILTER (WHERE state = 4)::int AS dead
        FROM ${SCHEMA}.delivery`,
    );
    return row ?? { open: 0, dead: 0 };
  }

  /** Ends every connection of a hub. */
  async terminate(hub: string): Promise<void> {
    await this.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '${hub}'`);
  }

  /** Ends at once, as by a crash, and starts again. */
  async crash(): Promise<void> {
    await this.#client?.end().catch(() => undefined);
    this.#client = undefined;
    await this.#server.stop('immediate');
    await this.#server.start();
  }

  /** Changes the text of a function of the journal. @param edits what is found there, and what it becomes */
  async change(name: string, edits: readonly (readonly [found: string, becomes: string])[]): Promise<void> {
    const [row] = await this.query<{ text: string }>(`SELECT pg_get_functiondef('${SCHEMA}.${name}'::regproc) AS text`);
    let text = row?.text ?? '';
    for (const [found, becomes] of edits) {
      if (!text.includes(found)) throw new Error(`the function ${name} has no "${found}"`);
      text = text.replaceAll(found, becomes);
    }
    await this.query(`SET search_path = ${SCHEMA}; ${text}; RESET search_path`);
  }

  async close(): Promise<void> {
    await this.#client?.end().catch(() => undefined);
    await this.#server.close();
  }

  /** Again, while the server is away. */
  async query<Row extends object>(text: string): Promise<readonly Row[]> {
    for (;;) {
      try {
        const client = await this.#connected();
        return (await client.query<Row>(text)).rows;
      } catch (error) {
        if (!isAway(error)) throw error;
        this.#client = undefined;
        await elapse(LOOK_AGAIN_MS);
      }
    }
  }

  async #connected(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = new Client(this.url);
    client.on('error', () => undefined);
    await client.connect();
    this.#client = client;
    return client;
  }
}

/** No answer of the server, or that it starts or stops. */
function isAway(error: unknown): boolean {
  const { code = '57P03' } = error as { code?: string };
  return /^(57P0|08|E)/.test(code);
}
