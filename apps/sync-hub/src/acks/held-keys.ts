import type { FollowedEvent } from './followed-event.ts';

/** A key that somebody follows an event of. */
interface FollowedKey {
  readonly followed: Set<FollowedEvent>;
  /** Of each adapter the delivery that waits, for its next attempt or for an operator: what comes after it is held. */
  readonly waiting: Map<string, number>;
}

/** Which deliveries of followed events an earlier delivery of their key holds. */
export class HeldKeys {
  readonly #keys = new Map<string, FollowedKey>();

  add(followed: FollowedEvent): void {
    const { key } = followed;
    if (key === '') return;
    const known = this.#keys.get(key);
    if (known === undefined) this.#keys.set(key, { followed: new Set([followed]), waiting: new Map() });
    else known.followed.add(followed);
  }

  remove(followed: FollowedEvent): void {
    const { key } = followed;
    const known = this.#keys.get(key);
    known?.followed.delete(followed);
    if (known?.followed.size === 0) this.#keys.delete(key);
  }

  /**
   * A delivery of the key waits at the adapter. Returns the followed events that it holds from now on; those that were
   * held before are left out.
   */
  wait(key: string, adapter: string, seq: number): readonly FollowedEvent[] {
    const known = this.#keys.get(key);
    if (known === undefined) return [];
    const heldAfter = known.waiting.get(adapter) ?? Number.POSITIVE_INFINITY;
    if (seq >= heldAfter) return [];
    known.waiting.set(adapter, seq);
    return [...known.followed].filter((followed) => followed.seq > seq && followed.seq <= heldAfter);
  }

  /** A delivery of the key is settled at the adapter. */
  settle(key: string, adapter: string, seq: number): void {
    const waiting = this.#keys.get(key)?.waiting;
    const heldAfter = waiting?.get(adapter);
    if (heldAfter !== undefined && seq <= heldAfter) waiting?.delete(adapter);
  }

  holds({ key, seq }: FollowedEvent, adapter: string): boolean {
    if (key === '') return false;
    const heldAfter = this.#keys.get(key)?.waiting.get(adapter);
    return heldAfter !== undefined && seq > heldAfter;
  }
}
