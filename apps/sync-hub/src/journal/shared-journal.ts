import type { OwnershipRequest, PulseAnswer } from '../core/ownership-messages.ts';
import type { Journal } from './journal.ts';

export type RequestOf<Kind extends OwnershipRequest['kind']> = Extract<OwnershipRequest, { kind: Kind }>;

/** A journal that several hubs have open. */
export interface SharedJournal extends Journal {
  readonly hubs: Hubs;
}

/** A hub as its row says. */
export interface KnownHub {
  readonly id: string;
  /** The same for each process of a data folder. */
  readonly name: string;
  readonly version: string;
}

/**
 * What hubs that share a journal see of each other, and what core/ownership.ts asks of it: see OwnershipRequest. Each
 * request is one transaction, and rejects when the database does not answer it.
 */
export interface Hubs {
  /** Of this process. */
  readonly id: string;
  /** The others, as they were seen last. */
  readonly others: readonly KnownHub[];
  /** This process is a hub from now on. */
  join(hub: Omit<KnownHub, 'id'>): Promise<void>;
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
  /** This hub is gone. */
  leave(): Promise<void>;
  /** The connection is dropped; the next request opens another. */
  reconnect(): void;
}
