import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { Command, CommandOutcome, CommandResult, CommandServer } from '../cluster-journal.ts';
import { BEGUN_WITHIN_S } from './hub-functions.ts';
import type { Rows } from './rows.ts';

/** A result that the database did not take is written again after this time. */
const AGAIN_MS = 1_000;
/** A hub whose beat stands still for longer than others wait for its lanes carries out nothing any more. */
const DEAD_AFTER_S = 20;

export interface CommandsOptions {
  /** Of this process. */
  readonly hub: string;
  readonly rows: Rows;
  /** Has all hubs look. */
  readonly changed: () => void;
}

type OpenRow = readonly [id: string, adapter: string, rpc: string, request: Uint8Array, principal: string];
type AskedRow = readonly [id: string, answer: Uint8Array | null, error: string | null, isAlive: boolean];

/** Commands between hubs: rows that the hub which has the lane takes, carries out, and answers. */
export class Commands {
  readonly #options: CommandsOptions;
  /** Of this hub, without an answer. */
  readonly #asked = new Map<string, (outcome: CommandOutcome) => void>();
  /** Of any hub, which this one carries out. */
  readonly #running = new Map<string, AbortController>();
  #server: CommandServer | undefined;
  #isClosed = false;

  constructor(options: CommandsOptions) {
    this.#options = options;
  }

  serve(server: CommandServer): void {
    this.#server = server;
  }

  async ask({ adapter, rpc, request, principal }: Command, signal: AbortSignal): Promise<CommandOutcome> {
    const { changed } = this.#options;
    const id = randomUUID();
    try {
      await this.#rows(
        'ask',
        `WITH old AS (DELETE FROM command WHERE created_at < clock_timestamp() - interval '1 hour')
          INSERT INTO command (id, adapter, rpc, request, principal) VALUES ($1, $2, $3, $4, $5)`,
        [id, adapter, rpc, request, principal],
      );
      changed();
      return await this.#outcome(id, signal);
    } catch {
      return { kind: 'unknown' };
    } finally {
      // Whoever still carries it out stops.
      this.#rows('forget', 'DELETE FROM command WHERE id = $1', [id]).catch(() => undefined);
    }
  }

  /** @param hasOpen there are commands without an answer */
  async look(hasOpen: boolean): Promise<void> {
    if (hasOpen || this.#running.size > 0) await this.#take();
    if (this.#asked.size > 0) await this.#readResults();
  }

  close(): void {
    this.#isClosed = true;
    for (const running of this.#running.values()) running.abort();
    for (const end of this.#asked.values()) end({ kind: 'unknown' });
  }

  async #outcome(id: string, signal: AbortSignal): Promise<CommandOutcome> {
    const { promise, resolve } = Promise.withResolvers<CommandOutcome>();
    const abort = () => resolve({ kind: 'unknown' });
    const withdraw = async () => {
      const deleted = await this.#rows(
        'withdraw',
        'DELETE FROM command WHERE id = $1 AND taken_by IS NULL RETURNING id',
        [id],
      );
      if (deleted.length > 0) resolve({ kind: 'not_begun' });
    };
    const timer = setTimeout(() => void withdraw().catch(abort), BEGUN_WITHIN_S * 1_000);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted || this.#isClosed) abort();
    this.#asked.set(id, resolve);
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
      this.#asked.delete(id);
    });
  }

  async #take(): Promise<void> {
    const server = this.#server;
    if (server === undefined || this.#isClosed) return;
    const open = await this.#rows<OpenRow>(
      'take',
      'SELECT id, adapter, rpc, request, principal FROM take_commands($1, $2)',
      [this.#options.hub, [...server.lanes()]],
    );
    for (const [id, adapter, rpc, request, principal] of open) {
      if (this.#running.has(id)) continue;
      const running = new AbortController();
      this.#running.set(id, running);
      void server
        .run({ adapter, rpc, request, principal }, running.signal)
        .then((result) => this.#answer(id, result))
        .finally(() => this.#running.delete(id));
    }
    // Nobody waits for these any more.
    const isOpen = new Set(open.map(([id]) => id));
    for (const [id, running] of this.#running) if (!isOpen.has(id)) running.abort();
  }

  async #answer(id: string, result: CommandResult): Promise<void> {
    const answer = result.kind === 'answered' ? result.answer : null;
    const error = result.kind === 'rejected' ? result.error : null;
    while (!this.#isClosed) {
      try {
        await this.#rows('answer', 'UPDATE command SET answer = $2, error = $3 WHERE id = $1', [id, answer, error]);
        return this.#options.changed();
      } catch {
        await wait(AGAIN_MS);
      }
    }
  }

  async #readResults(): Promise<void> {
    const asked = [...this.#asked];
    const rows = await this.#rows<AskedRow>(
      'results',
      `SELECT id, answer, error, taken_by IS NULL OR EXISTS (SELECT 1 FROM hub WHERE hub.id = taken_by
          AND beat_at > clock_timestamp() - interval '${DEAD_AFTER_S} seconds')
        FROM command WHERE id = ANY ($1)`,
      [asked.map(([id]) => id)],
    );
    const byId = new Map(rows.map((row) => [row[0], row]));
    for (const [id, end] of asked) {
      const [, answer, error, isAlive] = byId.get(id) ?? [id, null, null, false];
      if (answer !== null) end({ kind: 'answered', answer });
      else if (error !== null) end({ kind: 'rejected', error });
      else if (!isAlive) end({ kind: 'unknown' });
    }
  }

  #rows<Row>(name: string, text: string, values: readonly unknown[]): Promise<Row[]> {
    return this.#options.rows.rows<Row>(name, text, values);
  }
}
