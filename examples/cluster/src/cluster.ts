import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AdapterOwner } from '@hms-sync/proto/hms/sync/v1/health_service';
import { type Sandbox, SYSTEM_NAMES, startSandbox } from '@hms-sync/sandbox';
import { PostgresServer } from '@hms-sync/testing/postgres-server';
import { TcpProxy } from '@hms-sync/testing/tcp-proxy';
import { Hub } from './hub.ts';

const HUB_NAMES = ['hub-1', 'hub-2', 'hub-3'];
const LOOK_EVERY_MS = 200;

export interface ClusterListener {
  onStarted(what: string): void;
  /** A hub ended by itself; its supervisor starts it again. */
  onExit(hub: string, reason: string): void;
  /** Another hub runs the adapter. */
  onOwner(adapter: string, owner: string): void;
}

/** One of the hubs, and its own way to the database. */
export interface Member {
  readonly hub: Hub;
  readonly way: TcpProxy;
}

/** Three hubs with the same three adapters on one PostgreSQL, and the simulated systems that they deliver to. */
export class Cluster {
  readonly database: PostgresServer;
  readonly systems: Sandbox;
  readonly members: Member[] = [];
  readonly #folder: string;
  readonly #listener: ClusterListener;
  /** Each hub has a name of its own, made of its machine and its data folder; with ours. */
  readonly #names = new Map<string, string>();
  /** Our name of the hub that runs each adapter, or ran it last. */
  readonly #owners = new Map<string, string>();
  #looking = Promise.resolve();
  #isClosing = false;

  private constructor(database: PostgresServer, systems: Sandbox, folder: string, listener: ClusterListener) {
    this.database = database;
    this.systems = systems;
    this.#folder = folder;
    this.#listener = listener;
  }

  static async start(listener: ClusterListener): Promise<Cluster> {
    const [database, systems, folder] = await Promise.all([
      PostgresServer.create(),
      startSandbox(),
      mkdtemp(join(tmpdir(), 'hms-sync-cluster-')),
    ]);
    listener.onStarted('PostgreSQL, and the simulated scheduling, records and billing');
    const cluster = new Cluster(database, systems, folder, listener);
    try {
      await Promise.all(HUB_NAMES.map((name) => cluster.#addHub(name)));
      cluster.members.sort((a, b) => (a.hub.name < b.hub.name ? -1 : 1));
      cluster.#looking = cluster.#look();
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
    while ([...this.#owners.values()].includes(hub.name)) await sleep(LOOK_EVERY_MS);
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#looking;
    await Promise.all(this.members.map(({ hub }) => hub.stop()));
    await Promise.all(this.members.map(({ way }) => way.close()));
    await this.systems.close();
    await this.database.close();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #addHub(name: string): Promise<void> {
    const way = await TcpProxy.start(this.database.url());
    const configFile = join(this.#folder, `${name}.yaml`);
    const adapters = SYSTEM_NAMES.map((system) => ({
      package: `@hms-sync/adapter-${system}`,
      config: { baseUrl: this.systems.urls[system] },
    }));
    // JSON is YAML too.
    await writeFile(configFile, JSON.stringify({ journal: way.through(this.database.url()), adapters }, null, 2));
    const onExit = (reason: string) => this.#listener.onExit(name, reason);
    const hub = new Hub({ name, configFile, dataDir: join(this.#folder, name), onExit });
    this.members.push({ hub, way });
    await hub.start();
    this.#listener.onStarted(`${name} ${hub.url}`);
  }

  async #look(): Promise<void> {
    while (!this.#isClosing) {
      await this.#readOwners();
      await sleep(LOOK_EVERY_MS);
    }
  }

  /** A hub that is cut off from the database knows an old owner; each new one has a greater epoch. */
  async #readOwners(): Promise<void> {
    const newest = new Map<string, AdapterOwner>();
    for (const { hub } of this.members) {
      const { hub: self, adapters = [] } = (await hub.health()) ?? {};
      if (self !== undefined) this.#names.set(self.name, hub.name);
      for (const { id, owner } of adapters) {
        if (owner !== undefined && owner.epoch > (newest.get(id)?.epoch ?? 0n)) newest.set(id, owner);
      }
    }
    for (const [adapter, owner] of newest) {
      const name = this.#names.get(owner.hub);
      if (name === undefined || name === this.#owners.get(adapter)) continue;
      this.#owners.set(adapter, name);
      this.#listener.onOwner(adapter, name);
    }
  }
}
