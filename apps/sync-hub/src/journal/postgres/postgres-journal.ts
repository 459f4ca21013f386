import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { CALLS, type Call } from '../calls.ts';
import { JournalClient, type Transport } from '../client.ts';
import type { BackupResult } from '../journal.ts';
import { CorruptionError, JournalError } from '../journal-error.ts';
import type { SharedJournal } from '../shared-journal.ts';
import { connect, drop, type PostgresPlace, placeOf } from './connection.ts';
import { PostgresHubs } from './hubs.ts';
import { migrate } from './migrations.ts';
import { Store } from './store.ts';

const DEFAULT_SCHEMA = 'hms_sync';
const SCHEMA = /^[a-z_][a-z0-9_]{0,40}$/;

export interface PostgresJournalOptions {
  /** `postgres://<user>@<host>:5432/<database>`, and what pg knows behind a `?`; `schema=` names the journal's schema. */
  readonly url: string;
  /** New events are refused once the journal is as large as this; default: when the server says that its disk is full. */
  readonly bytesMax?: number;
  /** Default 30 s: see {@link ANSWER_TIMEOUT_MS}. */
  readonly answerTimeoutMs?: number;
}

/**
 * Calls without an answer for this long are on a connection that leads nowhere: a server that lost its power, or a network
 * that forgot the connection, resets nothing, and TCP alone gives up after a quarter of an hour.
 */
const ANSWER_TIMEOUT_MS = 30_000;

/**
 * Opens the journal that hubs share on a PostgreSQL. When its session ends by an error, the process is to end too:
 * whether the last commit is on the disk, only the next start can say.
 *
 * @throws {JournalError} UNWRITABLE, UNSAFE, or UNREADABLE when a newer hub has changed it
 */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<SharedJournal> {
  const { url, bytesMax = Number.POSITIVE_INFINITY, answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const schema = new URL(url).searchParams.get('schema') ?? DEFAULT_SCHEMA;
  if (!SCHEMA.test(schema)) {
    throw new JournalError(
      'UNREADABLE',
      'schema= in the address of the journal must be lower-case letters, digits and "_"',
    );
  }
  const place: PostgresPlace = { url, schema, name: 'hms-sync calls' };
  const client = await connect(place);
  const id = await migrate(client, schema);
  const hub = randomBytes(8).toString('hex');
  const store = new Store(client, { hub, bytesMax });
  await store.open();
  const hubs = new PostgresHubs(hub, place, store);
  const info = { id, location: placeOf(url), positions: store.positions };
  const connection = new Connection(client, { store, hubs, location: info.location, answerTimeoutMs });
  const journal = new JournalClient({ info, receivers: store.receivers, transport: connection });
  connection.reportTo(journal);
  hubs.reportTo(journal);
  return { ...journal.journal, hubs };
}

interface ConnectionOptions {
  readonly store: Store;
  readonly hubs: PostgresHubs;
  readonly location: string;
  readonly answerTimeoutMs: number;
}

/** Calls go to the server in groups, one after the other: while one is there, the next gathers. */
class Connection implements Transport {
  readonly #client: Client;
  readonly #store: Store;
  readonly #hubs: PostgresHubs;
  readonly #location: string;
  readonly #answerTimeoutMs: number;
  #journal: JournalClient | undefined;
  #gathered: Call[] = [];
  #running: Promise<void> | undefined;
  #isClosing = false;

  constructor(client: Client, { store, hubs, location, answerTimeoutMs }: ConnectionOptions) {
    this.#client = client;
    this.#store = store;
    this.#hubs = hubs;
    this.#location = location;
    this.#answerTimeoutMs = answerTimeoutMs;
    client.on('error', (error) => this.#fail(error));
    client.on('end', () => this.#fail(new Error('the connection ended')));
  }

  reportTo(journal: JournalClient): void {
    this.#journal = journal;
  }

  submit(call: Call): void {
    this.#gathered.push(call);
    this.#running ??= this.#run();
  }

  async backup(): Promise<BackupResult> {
    return { kind: 'rejected', reason: 'The journal is a database of its own: back it up as PostgreSQL is backed up.' };
  }

  async close(): Promise<void> {
    await this.#running;
    this.#isClosing = true;
    await Promise.all([this.#client.end(), this.#hubs.close()]);
  }

  async #run(): Promise<void> {
    // What is submitted in one turn of the event loop goes together.
    await new Promise(setImmediate);
    while (this.#gathered.length > 0) {
      const calls = this.#gathered;
      this.#gathered = [];
      const stopWatching = this.#watch();
      try {
        const report = await this.#store.run(calls);
        this.#journal?.setReceivers(this.#store.receivers);
        this.#journal?.committed(report);
        if (calls.some(({ name }) => CALLS[name] !== 'reads')) this.#hubs.changed();
      } catch (error) {
        this.#fail(error);
        return;
      } finally {
        stopWatching();
      }
    }
    this.#running = undefined;
  }

  /** Gives up when there is no answer. In two halves: after a process stood still, what arrived meanwhile is read first. */
  #watch(): () => void {
    const halfMs = this.#answerTimeoutMs / 2;
    let timer = setTimeout(() => {
      timer = setTimeout(() => {
        this.#fail(new Error(`no answer within ${this.#answerTimeoutMs / 1_000} s`));
        drop(this.#client);
      }, halfMs);
    }, halfMs);
    return () => clearTimeout(timer);
  }

  #fail(error: unknown): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#journal?.failed(failure(this.#location, error));
    void this.#client.end().catch(() => undefined);
  }
}

function failure(location: string, error: unknown): JournalError {
  if (error instanceof JournalError) return error;
  const { message } = error as Error;
  if (error instanceof CorruptionError) {
    return new JournalError('UNREADABLE', `The journal ${location} is damaged: ${message}.`, { cause: error });
  }
  return new JournalError(
    'FAILED',
    `The journal ${location} failed (${message}) and accepts nothing more. Nothing that was acknowledged is lost. ` +
      'Check the database; the hub continues once it is started again.',
    { cause: error },
  );
}
