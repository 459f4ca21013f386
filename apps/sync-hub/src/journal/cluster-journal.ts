import type { TokenStore } from '../access/token-store.ts';
import type { OwnershipRequest, PulseAnswer } from '../core/ownership-messages.ts';
import type { Journal } from './journal.ts';

export type RequestOf<Kind extends OwnershipRequest['kind']> = Extract<OwnershipRequest, { kind: Kind }>;

/** A journal that several hubs have open. */
export interface SharedJournal extends Journal {
  readonly hubs: Hubs;
  /** Theirs together. */
  readonly tokenStore: TokenStore;
}

/** A hub as its row says. */
export interface KnownHub {
  readonly id: string;
  /** The same for each process of a data folder. */
  readonly name: string;
  readonly version: string;
  /** The adapters that it can run. */
  readonly canRun: readonly string[];
  /** When it last beat, by the clock of the hub that reads it. */
  readonly beatAtMs: number;
}

/** The health of an adapter, in the form that only those who write and read it know. */
export interface SavedHealth {
  readonly adapter: string;
  readonly health: Uint8Array;
}

/** What a hub was asked that the one which has the lane is to do. */
export interface Command {
  readonly adapter: string;
  /** The rpc and its request, in the form that those who ask and serve agree on. */
  readonly rpc: string;
  readonly request: Uint8Array;
  /** The name of whoever asked, who may do it. */
  readonly principal: string;
}

export type CommandResult =
  | { readonly kind: 'answered'; readonly answer: Uint8Array }
  | { readonly kind: 'rejected'; readonly error: string };

export type CommandOutcome =
  | CommandResult
  /** No hub began within 10 s, and none will. */
  | { readonly kind: 'not_begun' }
  /** The hub that began it died, or the caller left. */
  | { readonly kind: 'unknown' };

/** What a hub does for the others. */
export interface CommandServer {
  /** The adapters whose lanes run here. */
  lanes(): readonly string[];
  /** @param signal aborts when nobody waits for the result any more */
  run(command: Command, signal: AbortSignal): Promise<CommandResult>;
}

/**
 * What hubs that share a journal see of each other, and what core/ownership.ts asks of it: see OwnershipRequest. Each
 * request is one transaction, and rejects when the database does not answer it.
 */
export interface Hubs {
  /** Of this process. */
  readonly id: string;
  /** All, this one too, as they were seen last. */
  readonly known: readonly KnownHub[];
  /** This process is a hub from now on. */
  join(hub: Pick<KnownHub, 'name' | 'version'>): Promise<void>;
  /** @param canRun the adapters that this hub can run */
  pulse(
    request: RequestOf<'pulse'>,
    canRun: readonly string[],
  ): Promise<{ readonly session: number; readonly answer: PulseAnswer | 'hub_unknown' }>;
  /** Whether the lane is this hub's now. */
  claim(request: RequestOf<'claim'>): Promise<boolean>;
  release(request: RequestOf<'release'>): Promise<void>;
  settle(request: RequestOf<'settle'>): Promise<void>;
  /** How long the beat of this hub must stand still before another may take the lane. */
  setPatience(adapter: string, epoch: number, patienceMs: number): Promise<void>;
  /** For the other hubs. What is of a lane that this hub does not own is left out. */
  saveHealth(healths: readonly SavedHealth[]): Promise<void>;
  /** What the owner of each lane saved last, or the one before. */
  readHealth(): Promise<readonly SavedHealth[]>;
  /** Has the hub that has the lane carry it out. @param signal of the caller */
  ask(command: Command, signal: AbortSignal): Promise<CommandOutcome>;
  /** Carries out the commands for lanes that this hub owns, from now on. */
  serve(server: CommandServer): void;
  /** This hub is gone. */
  leave(): Promise<void>;
  /** The connection is dropped; the next request opens another. */
  reconnect(): void;
}
