import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Sandbox, SYSTEM_NAMES, startSandbox } from '@hms-sync/sandbox';
import { TcpProxy } from '@hms-sync/testing/tcp-proxy';
import { Database } from './database.ts';
import { Hub } from './hub.ts';

const HUB_NAMES = ['hub-1', 'hub-2', 'hub-3'];
const LOOK_EVERY_MS = 200;

export interface ClusterListener {
  onStarted(what: string): void;
  /** A hub ended by itself; its supervisor starts it again. */
  onExit(hub: string, reason: string): void;
  /** @param owner the hub that runs the adapter from now on; undefined: none does */
  onOwner(adapter: string, owner: string | undefined): void;
}

/** One of the hubs, and its own way to the database. */
export interface Member {
  readonly hub: Hub;
  readonly way: TcpProxy;
}

/** Three hubs with the same three adapters on one PostgreSQL, and the simulated systems that they deliver to. */
export class Cluster {
  readonly database: Database;
  readonly systems: Sandbox;
  readonly members: Member[] = [];
  readonly #folder: string;
  readonly #listener: ClusterListener;
  /** The hubs' names in the database, each with ours. */
  readonly #names = new Map<string, string>();
  /** Our name of the hub that runs each adapter. */
  #owners: ReadonlyMap<string, string | undefined> = new Map();
  #look: NodeJS.Timeout | undefined;

  private constructor(database: Database, systems: Sandbox, folder: string, listener: ClusterListener) {
    this.database = database;
    this.systems = systems;
    this.#folder = folder;
    this.#listener = listener;
  }

  static async start(listener: ClusterListener): Promise<Cluster> {
    const [database, systems, folder] = await Promise.all([
      Database.start(),
      startSandbox(),
      mkdtemp(join(tmpdir(), 'hms-sync-cluster-')),
    ]);
    listener.onStarted('PostgreSQL, and the simulated scheduling, records and billing');
    const cluster = new Cluster(database, systems, folder, listener);
    try {
      // One after the other: so it is known which name in the database is whose.
      for (const name of HUB_NAMES) await cluster.#addHub(name);
      await cluster.#readOwners();
      cluster.#look = setInterval(() => void cluster.#readOwners(), LOOK_EVERY_MS);
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  /** The adapters that a hub runs. */
  adaptersOf({ hub }: Member): readonly string[] {
    return [...this.#owners].flatMap(([adapter, owner]) => (owner === hub.name ? [adapter] : []));
  }

  /** The hub that runs most adapters. */
  get busiest(): Member {
    return this.members.reduce((most, member) =>
      this.adaptersOf(member).length >= this.adaptersOf(most).length ? member : most,
    );
  }

  /** Resolves once other hubs run all adapters. */
  async runsWithout({ hub }: Member): Promise<void> {
    const isSo = () =>
      this.#owners.size === SYSTEM_NAMES.length &&
      [...this.#owners.values()].every((owner) => owner !== undefined && owner !== hub.name);
    while (!isSo()) await new Promise<void>((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }

  async close(): Promise<void> {
    clearInterval(this.#look);
    await Promise.all(this.members.map(({ hub }) => hub.stop()));
    await Promise.all(this.members.map(({ way }) => way.close()));
    await this.systems.close();
    await this.database.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #addHub(name: string): Promise<void> {
    const way = await TcpProxy.start(this.database.url);
    const configFile = join(this.#folder, `${name}.yaml`);
    const adapters = SYSTEM_NAMES.map((system) => ({
      package: `@hms-sync/adapter-${system}`,
      config: { baseUrl: this.systems.urls[system] },
    }));
    // JSON is YAML too.
    await writeFile(configFile, JSON.stringify({ journal: way.through(this.database.url), adapters }, null, 2));
    const onExit = (reason: string) => this.#listener.onExit(name, reason);
    const hub = new Hub({ name, configFile, dataDir: join(this.#folder, name), onExit });
    this.members.push({ hub, way });
    await hub.start();
    for (const each of await this.database.hubNames()) if (!this.#names.has(each)) this.#names.set(each, name);
    this.#listener.onStarted(`${name} ${hub.url}`);
  }

  async #readOwners(): Promise<void> {
    const rows = await this.database.owners().catch(() => undefined);
    if (rows === undefined) return;
    const before = this.#owners;
    this.#owners = new Map([...rows].map(([adapter, name]) => [adapter, name && this.#names.get(name)]));
    for (const [adapter, owner] of this.#owners) {
      if (owner !== before.get(adapter)) this.#listener.onOwner(adapter, owner);
    }
  }
}
