import type { Exchange } from '@hms-sync/adapter-sdk/stand-in';
import type { Call } from './call.ts';

/** A call that is not answered yet. */
export interface OpenCall {
  readonly call: Call;
  readonly exchange: Exchange;
  readonly startedMs: number;
}

/** The open calls of one stand-in: all of them, and how many there are for each key. */
export class OpenCalls implements Iterable<OpenCall> {
  readonly #calls = new Set<OpenCall>();
  readonly #countByKey = new Map<string, number>();

  /** Keys with open calls. */
  get keyCount(): number {
    return this.#countByKey.size;
  }

  [Symbol.iterator](): Iterator<OpenCall> {
    return this.#calls.values();
  }

  /** How many calls for `key` are open; 0 for null. */
  countFor(key: string | null): number {
    return key === null ? 0 : (this.#countByKey.get(key) ?? 0);
  }

  add(open: OpenCall): void {
    const { key } = open.call;
    this.#calls.add(open);
    if (key !== null) this.#countByKey.set(key, this.countFor(key) + 1);
  }

  /** Returns false when the call was no longer open. */
  remove(open: OpenCall): boolean {
    if (!this.#calls.delete(open)) return false;
    const { key } = open.call;
    if (key === null) return true;
    const left = this.countFor(key) - 1;
    if (left === 0) this.#countByKey.delete(key);
    else this.#countByKey.set(key, left);
    return true;
  }
}
