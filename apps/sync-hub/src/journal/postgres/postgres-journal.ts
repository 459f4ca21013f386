import { randomBytes } from 'node:crypto';
import type { Client } from 'pg';
import { CALLS, type Call } from '../calls.ts';
import { JournalClient, type Transport } from '../client.ts';
import type { SharedJournal } from '../cluster-journal.ts';
import type { BackupResult } from '../journal.ts';
import { CorruptionError, JournalError } from '../journal-error.ts';
import {
  connectOnceReachable,
  endConnection,
  isUnknownCommit,
  type Report,
  readParameterLogging,
} from './connection.ts';
import { readAddress } from './database-address.ts';
import { PostgresHubs } from './hubs.ts';
import { migrate } from './migrations.ts';
import { PostgresTokens } from './postgres-tokens.ts';
import { Store } from './store.ts';

export interface PostgresJournalOptions {
  /** See {@link readAddress}. The password may also come from PGPASSWORD or a passfile. */
  readonly url: string;
  /** New events are refused once the journal is as large as this; default: when the server says that its disk is full. */
  readonly bytesMax?: number;
  /** Default 30 s: see {@link ANSWER_TIMEOUT_MS}. */
  readonly answerTimeoutMs?: number;
  /** Called while the database cannot be reached, and with what is not safe about it. */
  readonly report?: Report;
}

/**
 * Opens the journal that hubs share on a PostgreSQL, as soon as that can be reached. When its session ends by an error, the process is to end too:
 * whether the last commit is on the disk, only the next start can say.
 *
 * @throws {JournalError} UNWRITABLE, UNSAFE, or UNREADABLE when a newer hub has changed it
 */
export async function openPostgresJournal(options: PostgresJournalOptions): Promise<SharedJournal> {
  const { url, bytesMax = Number.POSITIVE_INFINITY, report = () => undefined } = options;
  const { answerTimeoutMs = ANSWER_TIMEOUT_MS } = options;
  const address = readAddress(url);
  const client = await connectOnceReachable(address, 'hms_sync_calls', report);
  for (const warning of [address.warning, await readParameterLogging(client)]) {
    if (warning !== '') report('warn', warning);
  }
  const { id, isCopying } = await migrate(client, address.schema);
  if (isCopying) {
    await client.end();
    throw new JournalError(
      'UNREADABLE',
      `The journal ${address.location} is an unfinished copy of another one. ` +
        'Run `hms-sync journal copy` again, which continues it, or remove it: ' +
        `DROP SCHEMA ${address.schema} CASCADE.`,
    );
  }
  const hub = randomBytes(8).toString('hex');
  const store = new Store(client, { hub, bytesMax });
  await store.open();
  const hubs = new PostgresHubs(hub, address);
  const info = { id, location: address.location, positions: store.positions };
  const connection = new Connection(client, { store, hubs, location: info.location, answerTimeoutMs });
  const journal = new JournalClient({ info, receivers: store.receivers, transport: connection });
  connection.reportTo(journal);
  hubs.reportTo(() => connection.look());
  return { ...journal.journal, hubs, tokenStore: new PostgresTokens(hubs) };
}

/**
 * Calls without an answer for this long are on a connection that leads nowhere: a server that lost its power, or a network
 * that forgot the connection, resets nothing, and TCP alone ends it after a quarter of an hour.
 */
const ANSWER_TIMEOUT_MS = 30_000;

interface ConnectionOptions {
  readonly store: Store;
  readonly hubs: PostgresHubs;
  readonly location: string;
  readonly answerTimeoutMs: number;
}

/** Without a notification, a hub that others know looks this often for what they wrote. */
const LOOK_EVERY_MS = 250;

/**
 * Calls go to the server in groups, one after the other: while one is there, the next gathers. What other hubs wrote is
 * looked for between them, so that all is reported in one order.
 */
class Connection implements Transport {
  readonly #client: Client;
  readonly #store: Store;
  readonly #hubs: PostgresHubs;
  readonly #location: string;
  readonly #answerTimeoutMs: number;
  #journal: JournalClient | undefined;
  #gathered: Call[] = [];
  #isLookDue = false;
  #lookTimer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isClosing = false;

  constructor(client: Client, { store, hubs, location, answerTimeoutMs }: ConnectionOptions) {
    this.#answerTimeoutMs = answerTimeoutMs;
    this.#client = client;
    this.#store = store;
    this.#hubs = hubs;
    this.#location = location;
    client.on('error', (error) => this.#fail(error));
    client.on('end', () => this.#fail(new Error('the connection ended')));
    client.on('notice', (notice) => {
      if (isUnknownCommit(notice)) this.#fail(new Error(notice.message));
    });
  }

  reportTo(journal: JournalClient): void {
    this.#journal = journal;
  }

  submit(call: Call): void {
    this.#gathered.push(call);
    this.#running ??= this.#run();
  }

  /** For what other hubs wrote: now, and again and again from now on. */
  look(): void {
    if (this.#isClosing) return;
    this.#isLookDue = true;
    this.#running ??= this.#run();
  }

  async backup(): Promise<BackupResult> {
    return { kind: 'rejected', reason: 'The journal is a database of its own: back it up as PostgreSQL is backed up.' };
  }

  async close(): Promise<void> {
    await this.#running;
    this.#isClosing = true;
    clearTimeout(this.#lookTimer);
    await Promise.all([endConnection(this.#client), this.#hubs.close()]);
  }

  async #run(): Promise<void> {
    // What is submitted in one turn of the event loop goes together.
    await new Promise(setImmediate);
    try {
      while (this.#gathered.length > 0 || this.#isLookDue) {
        if (this.#gathered.length > 0) await this.#runGathered();
        if (this.#isLookDue) await this.#lookOnce();
      }
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#running = undefined;
  }

  async #runGathered(): Promise<void> {
    const calls = this.#gathered;
    this.#gathered = [];
    const report = await this.#answered(this.#store.run(calls));
    this.#journal?.committed(report);
    if (calls.some(({ name }) => CALLS[name] !== 'reads')) this.#hubs.changed();
  }

  async #lookOnce(): Promise<void> {
    clearTimeout(this.#lookTimer);
    this.#isLookDue = false;
    const { report, isMore, hasCommands } = await this.#answered(this.#store.look());
    this.#journal?.committed(report);
    this.#hubs.look(hasCommands);
    if (isMore) this.#isLookDue = true;
    else this.#lookTimer = setTimeout(() => this.look(), LOOK_EVERY_MS);
  }

  /**
   * A connection on which nothing comes through is not noticed otherwise. In two halves: after a process stood still, what
   * arrived meanwhile is read first.
   */
  async #answered<Answer>(answer: Promise<Answer>): Promise<Answer> {
    const { promise: silence, reject } = Promise.withResolvers<never>();
    const timeoutMs = this.#answerTimeoutMs;
    const giveUp = () => reject(new Error(`no answer within ${timeoutMs / 1_000} s`));
    let timer = setTimeout(() => {
      timer = setTimeout(giveUp, timeoutMs / 2);
    }, timeoutMs / 2);
    try {
      return await Promise.race([answer, silence]);
    } finally {
      clearTimeout(timer);
    }
  }

  #fail(error: unknown): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    clearTimeout(this.#lookTimer);
    this.#journal?.failed(failure(this.#location, error));
    void endConnection(this.#client);
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
