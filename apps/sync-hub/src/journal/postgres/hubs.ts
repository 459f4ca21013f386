import { Buffer } from 'node:buffer';
import type { Client } from 'pg';
import type { PulseAnswer } from '../../core/ownership-messages.ts';
import type {
  Command,
  CommandOutcome,
  CommandServer,
  Hubs,
  KnownHub,
  RequestOf,
  SavedHealth,
} from '../cluster-journal.ts';
import { Commands } from './commands.ts';
import { connect, dropConnection, endConnection, isUnknownCommit } from './connection.ts';
import type { DatabaseAddress } from './database-address.ts';
import type { Rows } from './rows.ts';

/** At most this often others are notified of something new. */
const NOTIFY_EVERY_MS = 10;

/**
 * What hubs that share a journal see of each other: rows, and an empty notification that something in them changed. On a
 * connection of its own, that is dropped when an answer does not come.
 */
export class PostgresHubs implements Hubs, Rows {
  /** Of this process. */
  readonly id: string;
  readonly #address: DatabaseAddress;
  /** Others may have written something. */
  #onNews: () => void = () => undefined;
  readonly #commands: Commands;
  #client: Promise<Client> | undefined;
  /** Of which an answer is not to be believed. */
  readonly #unknown = new WeakSet<Client>();
  #session = 0;
  #known: readonly KnownHub[] = [];
  #notifyTimer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(id: string, address: DatabaseAddress) {
    this.id = id;
    this.#address = address;
    this.#commands = new Commands({ hub: id, rows: this, changed: () => this.changed() });
  }

  /** @param look called when others may have written something, from when this process is a hub */
  reportTo(look: () => void): void {
    this.#onNews = look;
  }

  /** All, this one too, as they were seen last. */
  get known(): readonly KnownHub[] {
    return this.#known;
  }

  /** Of the connection: another one may lead to a database that was restored, or lost its last moments in a failover. */
  get session(): number {
    return this.#session;
  }

  /** This process is a hub from now on. @param name the same for each process of a data folder */
  async join({ name, version }: Pick<KnownHub, 'name' | 'version'>): Promise<void> {
    await this.rows('join_hub', 'SELECT join_hub($1, $2, $3)', [this.id, name, version]);
    this.#onNews();
  }

  /** Every row of hubs and lanes, after a beat if so. @param canRun the adapters that this hub can run */
  async pulse(
    { beat, isStopping }: RequestOf<'pulse'>,
    canRun: readonly string[],
  ): Promise<{ readonly session: number; readonly answer: PulseAnswer | 'hub_unknown' }> {
    await this.#connection();
    const session = this.#session;
    const names = isStopping ? [] : [...canRun];
    const [[found] = [null]] = await this.rows<[PulseRow | null]>('pulse', 'SELECT pulse($1, $2, $3)', [
      this.id,
      beat || isStopping,
      names,
    ]);
    // Whoever watches beats must not take what another connection answered for an unbroken watch.
    if (session !== this.#session) throw new Error('another connection answered');
    if (found === null) return { session, answer: 'hub_unknown' };
    const nowMs = Date.now();
    this.#known = found.hubs.map(({ beatAgeMs, ...hub }) => ({ ...hub, beatAtMs: nowMs - beatAgeMs }));
    return {
      session,
      answer: {
        ...found,
        hubs: found.hubs.map((hub) => ({ ...hub, canRun: new Set(hub.canRun) })),
        lanes: (found.lanes ?? []).map((lane) => ({ ...lane, owner: lane.owner ?? undefined })),
      },
    };
  }

  async claim(request: RequestOf<'claim'>): Promise<boolean> {
    const { adapter, epoch, seenOwner, seenEpoch, seenBeat, seenTimeline } = request;
    const [[isTaken] = [false]] = await this.rows<[boolean]>('claim', 'SELECT claim($1, $2, $3, $4, $5, $6, $7)', [
      this.id,
      adapter,
      epoch,
      seenOwner ?? null,
      seenEpoch,
      seenBeat ?? null,
      seenTimeline,
    ]);
    return isTaken;
  }

  async release({ adapter, epoch }: RequestOf<'release'>): Promise<void> {
    await this.rows('release', 'SELECT release($1, $2, $3)', [this.id, adapter, epoch]);
    this.changed();
  }

  async settle({ timeline }: RequestOf<'settle'>): Promise<void> {
    await this.rows('settle', 'SELECT settle_timeline($1)', [timeline]);
  }

  /** How long the beat of this hub must stand still before another may take the lane. */
  async setPatience(adapter: string, epoch: number, patienceMs: number): Promise<void> {
    await this.rows(
      'patience',
      'UPDATE lane SET patience_ms = $4 WHERE adapter = $2 AND owner = $1 AND epoch = $3 AND patience_ms <> $4',
      [this.id, adapter, epoch, patienceMs],
    );
  }

  async saveHealth(healths: readonly SavedHealth[]): Promise<void> {
    await this.rows(
      'save_health',
      `INSERT INTO adapter_health (adapter, health)
        SELECT lane.adapter, saved.health FROM unnest($2::text[], $3::bytea[]) AS saved (adapter, health)
        JOIN lane ON lane.adapter = saved.adapter AND lane.owner = $1
        ON CONFLICT (adapter) DO UPDATE SET health = excluded.health`,
      [this.id, healths.map(({ adapter }) => adapter), healths.map(({ health }) => Buffer.from(health))],
    );
  }

  async readHealth(): Promise<readonly SavedHealth[]> {
    const rows = await this.rows<[string, Buffer]>('health', 'SELECT adapter, health FROM adapter_health', []);
    return rows.map(([adapter, health]) => ({ adapter, health }));
  }

  ask(command: Command, signal: AbortSignal): Promise<CommandOutcome> {
    return this.#commands.ask(command, signal);
  }

  serve(server: CommandServer): void {
    this.#commands.serve(server);
  }

  /** This hub is gone. */
  async leave(): Promise<void> {
    await this.rows('leave', 'DELETE FROM hub WHERE id = $1', [this.id]);
  }

  /** The connection is dropped; the next request opens another. */
  reconnect(): void {
    const client = this.#client;
    this.#client = undefined;
    // Its end is not waited for: it may be a connection on which nothing comes through.
    client?.then(dropConnection).catch(() => undefined);
  }

  /** Something was written that others wait for. */
  changed(): void {
    if (this.#known.length <= 1 || this.#isClosed) return;
    this.#notifyTimer ??= setTimeout(() => {
      this.#notifyTimer = undefined;
      this.rows('notify', `SELECT pg_notify(current_schema() || '_changed', '')`, []).catch(() => undefined);
    }, NOTIFY_EVERY_MS);
  }

  async rows<Row>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    const client = await this.#connection();
    const result = await client.query({ name, text, values: [...values], rowMode: 'array' });
    // What is answered may have been read with what says that it is not to be believed.
    if (this.#unknown.has(client)) throw new Error('whether it was committed is unknown');
    return result.rows as Row[];
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#commands.close();
    clearTimeout(this.#notifyTimer);
    const client = await this.#client?.catch(() => undefined);
    if (client !== undefined) await endConnection(client);
  }

  #connection(): Promise<Client> {
    if (this.#client !== undefined) return this.#client;
    const client = this.#connect();
    this.#client = client;
    const forget = () => {
      if (this.#client === client) this.#client = undefined;
    };
    client.then((open) => open.on('end', forget), forget);
    return client;
  }

  async #connect(): Promise<Client> {
    const client = await connect(this.#address, 'hms_sync_hubs');
    this.#session += 1;
    client.on('notification', () => this.#onNews());
    // What it answers then counts as not answered.
    client.on('notice', (notice) => {
      if (!isUnknownCommit(notice)) return;
      this.#unknown.add(client);
      dropConnection(client);
    });
    await client.query(`LISTEN ${this.#address.schema}_changed`);
    return client;
  }

  /** @param hasCommands some are not answered */
  look(hasCommands: boolean): void {
    this.#commands.look(hasCommands).catch(() => undefined);
  }
}

interface PulseRow extends Omit<PulseAnswer, 'hubs' | 'lanes'> {
  readonly hubs: readonly (Omit<KnownHub, 'beatAtMs'> & { readonly beat: number; readonly beatAgeMs: number })[];
  readonly lanes:
    | readonly {
        readonly adapter: string;
        readonly owner: string | null;
        readonly epoch: number;
        readonly patienceMs: number;
      }[]
    | null;
}
